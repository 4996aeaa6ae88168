"""Registration, and the mails with links that verify addresses and reset passwords."""

import os

from django.core.exceptions import ImproperlyConfigured

from recsys_project.settings.environment import env

# verified: an account begins with a link that is mailed to its address. immediate: it begins at once, for a closed
# site; everybody then learns from the answer whether an address has an account.
REGISTRATION = env.str("REGISTRATION", default="verified")
if REGISTRATION not in ("verified", "immediate"):
    raise ImproperlyConfigured(f"REGISTRATION: {REGISTRATION!r} is neither verified nor immediate.")
# smtp+tls://USER:PASSWORD@HOST:587 or smtp+ssl://…:465; consolemail:// prints mails where the worker runs. Read without
# django-environ's value(), which treats a value that begins with $ as the name of another variable.
_mail = env.email_url_config(os.environ.get("EMAIL_URL") or "consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _mail.get("EMAIL_HOST") or "localhost", _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_USER") or "", _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = env.float("EMAIL_TIMEOUT_SECONDS", default=10)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="webmaster@localhost")
# Where links lead: a request's Host header may be forged, and the worker has none. Empty: the first of ALLOWED_HOSTS.
SITE_URL = env.str("SITE_URL", default="").rstrip("/")
# Pages of another front end that links lead to instead, with {token} in them.
ACCOUNT_LINKS = {
    "register": env.str("REGISTER_LINK", default=""),
    "reset": env.str("RESET_LINK", default=""),
}
# Hours for which a link is valid.
ACCOUNT_LINK_HOURS = {
    "register": env.float("REGISTER_LINK_HOURS", default=24),
    "reset": env.float("RESET_LINK_HOURS", default=1),
}
# More mails to one address within an hour are not sent: a stranger may ask for them.
ACCOUNT_MAILS_PER_HOUR = env.int("ACCOUNT_MAILS_PER_HOUR", default=5)
