"""The stand-in for Pulumi's Any Terraform Provider: Neon, UptimeRobot and Sentry by their schemas."""
