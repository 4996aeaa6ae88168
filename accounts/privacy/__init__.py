"""What people may do with their data: export it, pause personalisation, reset their taste, and be erased."""
