"""Analyses of what models answered: functions from inputs to frozen records, without a page."""
