"""Verifying: a published run is executed again elsewhere, and every number is compared with the published one."""
