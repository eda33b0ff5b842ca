"""Settings, from the environment alone. docs/operations.md explains each to operators.

Every secret may come from a file named by `NAME_FILE`. What is missing or malformed stops the process with a message
that names it; nothing falls back to something weaker.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from balon.environment import derive_key, read_days, read_fernet_keys, read_limit, read_origin
from balon.logs import configure_logging

ROOT = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()

# What this installation is -------------------------------------------------------------------------------------------
DEBUG = False
BALON_ORIGIN = read_origin(env.str("BALON_ORIGIN"))
_origin = urlsplit(BALON_ORIGIN)
_loopback = _origin.hostname in {"localhost", "127.0.0.1", "::1"}
if _origin.scheme != "https" and not _loopback:
    raise ImproperlyConfigured("BALON_ORIGIN must be https outside loopback: browsers do no cryptography without.")
_secure = _origin.scheme == "https"
ALLOWED_HOSTS = env.list("BALON_ALLOWED_HOSTS", default=[_origin.hostname])
VAR = Path(env.str("BALON_VAR", default=str(ROOT / "var")))

# Secrets -------------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("BALON_SECRET_KEY")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("BALON_SECRET_KEY must have at least 50 random characters.")
BALON_INSTALLATION_KEYS = read_fernet_keys(env.list("BALON_INSTALLATION_KEYS"))
BALON_DECOY_KEY = derive_key(env.str("BALON_DECOY_KEY", default=SECRET_KEY), "decoys")

# Neighbours ----------------------------------------------------------------------------------------------------------
BALON_INFERENCE_URL = env.str("BALON_INFERENCE_URL").rstrip("/")
REDIS_URL = env.str("REDIS_URL", default="")
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR / 'balon.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 134217728;",
    }
# Connections are not kept: under ASGI each request has a thread of its own, and would leave one behind.
DATABASES["default"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_CONNECTIONS = 10_000
"""A process may hold as many as Redis takes: each reply on its way holds one, and redis-py would stop at 100."""
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"max_connections": REDIS_CONNECTIONS},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 100_000}}
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "max_connections": REDIS_CONNECTIONS}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# Limits --------------------------------------------------------------------------------------------------------------
BALON_LIMIT_ADDRESS = read_limit(env.str("BALON_LIMIT_ADDRESS", default="300/300"))
BALON_LIMIT_LOGIN = read_limit(env.str("BALON_LIMIT_LOGIN", default="30/300"))
BALON_LIMIT_ROTATION = read_limit(env.str("BALON_LIMIT_ROTATION", default="20/3600"))
BALON_LIMIT_INFERENCE = read_limit(env.str("BALON_LIMIT_INFERENCE", default="120/60"))
BALON_LIMIT_LOOKUP = read_limit(env.str("BALON_LIMIT_LOOKUP", default="300/3600"))
BALON_LIMIT_WRITES = read_limit(env.str("BALON_LIMIT_WRITES", default="1200/60"))
BALON_LIMIT_MIGRATION = read_limit(env.str("BALON_LIMIT_MIGRATION", default="1200/60"))
BALON_LIMIT_ROSTERS = read_limit(env.str("BALON_LIMIT_ROSTERS", default="600/3600"))
BALON_MAX_STREAMS = env.int("BALON_MAX_STREAMS", default=8)
BALON_DELETION_DAYS = read_days(env.str("BALON_DELETION_DAYS", default="7"))
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 << 19
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100

# The application -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "keystore",
    "accounts",
    "conversations",
]
MIDDLEWARE = [
    "balon.middleware.security_headers",
    "balon.middleware.request_log",
    "balon.static_files.StaticFiles",
    "accounts.session_cookie.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "balon.urls"
ASGI_APPLICATION = "balon.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"balon_assets": "balon.assets"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 14}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
APPEND_SLASH = False
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

# Cookies and transport -----------------------------------------------------------------------------------------------
_prefix = "__Host-" if _secure else ""
SESSION_COOKIE_NAME = f"{_prefix}balon-session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = _secure
CSRF_COOKIE_NAME = f"{_prefix}balon-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SECURE = _secure
CSRF_TRUSTED_ORIGINS = [BALON_ORIGIN]
CSRF_FAILURE_VIEW = "balon.problems.csrf_failure"
BALON_HSTS = _secure and not _loopback

# Static files --------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
BALON_ASSETS = Path(env.str("BALON_ASSETS", default=str(ROOT / "static" / "dist")))
STATICFILES_DIRS = [BALON_ASSETS]
SERVESTATIC_AUTOREFRESH = False
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_ALLOW_ALL_ORIGINS = False
SERVESTATIC_IMMUTABLE_FILE_TEST = "balon.static_files.is_immutable"

# The API -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.PersonAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttles.PersonThrottle"],
    "DEFAULT_PARSER_CLASSES": ["balon.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "balon.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "NON_FIELD_ERRORS_KEY": "request",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Balon",
    "DESCRIPTION": "What crosses the wire between browser and web tier: ciphertext, signed statements and metadata.",
    "VERSION": "1",
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "balon.schema.add_problems",
    ],
}

LOGGING_CONFIG = None
configure_logging(level=env.str("BALON_LOG_LEVEL", default="INFO"))
