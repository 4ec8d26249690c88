"""Every model against its slow twin or another tool: what ``simsnn validate`` runs."""
