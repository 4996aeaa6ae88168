"""The values of the setting ADMIN_TOTP, apart from the models, so that checks can read them before the apps load."""

OFF, OPTIONAL, REQUIRED = MODES = ("off", "optional", "required")
