-- Constraints, indexes, triggers and row security: faster to build, or correct, only after the rows are loaded.

ALTER TABLE organizations ADD CONSTRAINT owner FOREIGN KEY (owner_id) REFERENCES users
    ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE organization_settings ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE subscriptions ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE subscriptions ADD FOREIGN KEY (tier) REFERENCES plans ON UPDATE CASCADE;
ALTER TABLE invoices ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE RESTRICT;
ALTER TABLE invoice_lines ADD FOREIGN KEY (invoice_id) REFERENCES invoices ON DELETE CASCADE;
ALTER TABLE users ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE user_credentials ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE user_sessions ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE memberships ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE memberships ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE departments ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE departments ADD FOREIGN KEY (parent_id) REFERENCES departments;
ALTER TABLE teams ADD FOREIGN KEY (department_id) REFERENCES departments;
ALTER TABLE team_members ADD FOREIGN KEY (team_id) REFERENCES teams ON DELETE CASCADE;
ALTER TABLE team_members ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE;
ALTER TABLE locations ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE api_keys ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE webhooks ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE pipelines ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE stages ADD FOREIGN KEY (pipeline_id) REFERENCES pipelines ON DELETE CASCADE;
ALTER TABLE jobs ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE jobs ADD FOREIGN KEY (department_id) REFERENCES departments;
ALTER TABLE jobs ADD FOREIGN KEY (location_id) REFERENCES locations;
ALTER TABLE jobs ADD FOREIGN KEY (pipeline_id) REFERENCES pipelines;
ALTER TABLE job_translations ADD FOREIGN KEY (job_id) REFERENCES jobs ON DELETE CASCADE;
ALTER TABLE job_skills ADD FOREIGN KEY (job_id) REFERENCES jobs ON DELETE CASCADE;
ALTER TABLE job_skills ADD FOREIGN KEY (skill_id) REFERENCES skills;
ALTER TABLE job_questions ADD FOREIGN KEY (job_id) REFERENCES jobs ON DELETE CASCADE;
ALTER TABLE candidate_emails ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE candidate_skills ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE candidate_skills ADD FOREIGN KEY (skill_id) REFERENCES skills;
ALTER TABLE candidate_experiences ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE candidate_education ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE candidate_languages ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE documents ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE documents ADD FOREIGN KEY (file_id) REFERENCES files;
ALTER TABLE document_versions ADD FOREIGN KEY (document_id) REFERENCES documents ON DELETE CASCADE;
ALTER TABLE document_versions ADD FOREIGN KEY (file_id) REFERENCES files;
ALTER TABLE document_embeddings ADD FOREIGN KEY (document_id) REFERENCES documents ON DELETE CASCADE;
ALTER TABLE applications ADD FOREIGN KEY (job_id) REFERENCES jobs ON DELETE CASCADE;
ALTER TABLE applications ADD FOREIGN KEY (candidate_id) REFERENCES candidates ON DELETE CASCADE;
ALTER TABLE applications ADD FOREIGN KEY (stage_id) REFERENCES stages;
ALTER TABLE application_answers ADD FOREIGN KEY (application_id) REFERENCES applications ON DELETE CASCADE;
ALTER TABLE application_answers ADD FOREIGN KEY (question_id) REFERENCES job_questions ON DELETE CASCADE;
ALTER TABLE application_moves ADD FOREIGN KEY (application_id) REFERENCES applications ON DELETE CASCADE;
ALTER TABLE interviews ADD FOREIGN KEY (application_id) REFERENCES applications ON DELETE CASCADE;
ALTER TABLE interviews ADD FOREIGN KEY (interviewer_id) REFERENCES users;
ALTER TABLE interview_feedback ADD FOREIGN KEY (interview_id) REFERENCES interviews ON DELETE CASCADE;
ALTER TABLE offers ADD FOREIGN KEY (application_id) REFERENCES applications;
ALTER TABLE messages ADD FOREIGN KEY (organization_id) REFERENCES organizations ON DELETE CASCADE;
ALTER TABLE messages ADD FOREIGN KEY (application_id) REFERENCES applications ON DELETE CASCADE;
ALTER TABLE audit_events ADD FOREIGN KEY (actor_id) REFERENCES users;

CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE UNIQUE INDEX candidate_primary_email ON candidate_emails (candidate_id) WHERE is_primary;
CREATE INDEX jobs_search ON jobs USING gin (search);
CREATE INDEX candidates_profile ON candidates USING gin (profile jsonb_path_ops);
CREATE INDEX candidates_name ON candidates (family_name COLLATE "C", given_name) INCLUDE (public_id);
CREATE INDEX applications_open ON applications (job_id, applied_at DESC) WHERE status NOT IN ('hired', 'rejected', 'withdrawn');
CREATE INDEX audit_events_subject ON audit_events (subject, occurred_at);
CREATE INDEX document_embeddings_nearest ON document_embeddings USING hnsw (embedding vector_cosine_ops);

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE FUNCTION record_move() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.application_moves (application_id, from_status, to_status)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status);
    INSERT INTO public.audit_events (occurred_at, action, subject, details)
    VALUES (clock_timestamp(), 'application.' || NEW.status, 'application/' || NEW.id, jsonb_build_object('job', NEW.job_id));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION record_move() IS 'Keeps the history of an application, for the company and for the auditor.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'audit events are never changed' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER touch BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON organization_settings FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON candidates FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER touch BEFORE UPDATE ON applications FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER arrival AFTER INSERT ON applications FOR EACH ROW EXECUTE FUNCTION record_move();
CREATE TRIGGER move AFTER UPDATE OF status ON applications
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION record_move();
CREATE TRIGGER unchanged BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE VIEW open_jobs WITH (security_invoker = true) AS
    SELECT jobs.id, organizations.name AS organization, jobs.title, jobs.salary, jobs.currency
    FROM jobs JOIN organizations ON organizations.id = jobs.organization_id
    WHERE jobs.status = 'open';

CREATE VIEW candidate_overview WITH (security_invoker = true) AS
    SELECT candidates.id, full_name, email, count(applications.id) AS applications, max(applied_at) AS last_applied_at
    FROM candidates
    LEFT JOIN candidate_emails ON candidate_emails.candidate_id = candidates.id AND is_primary
    LEFT JOIN applications ON applications.candidate_id = candidates.id
    GROUP BY candidates.id, full_name, email;

CREATE MATERIALIZED VIEW job_statistics AS
    SELECT job_id, status, count(*) AS applications, avg(rating) AS rating
    FROM applications GROUP BY job_id, status;
CREATE UNIQUE INDEX ON job_statistics (job_id, status);

ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_company ON messages
    USING (organization_id = nullif(current_setting('app.organization_id', true), '')::bigint);

-- COPY fills identity and serial columns without moving their sequences.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT attrelid::regclass AS relation, attname, pg_get_serial_sequence(attrelid::regclass::text, attname) AS sequence
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND attnum > 0 AND NOT attisdropped
    LOOP
        IF found.sequence IS NOT NULL THEN
            EXECUTE format(
                'SELECT setval(%L, max(%I)) FROM %s HAVING max(%2$I) IS NOT NULL', found.sequence, found.attname, found.relation
            );
        END IF;
    END LOOP;
    PERFORM setval('candidate_reference', max(reference)) FROM candidates;
    PERFORM setval('invoice_number', max(number)) FROM invoices;
END
$$;
