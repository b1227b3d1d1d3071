"""What a CRM knows: tables, stages, calendar, money, mapping, row quality and the demo company."""
