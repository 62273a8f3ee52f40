"""Definitions of other schedulers as plans, with a warning wherever a plan would not do just what they did.

Admits one dialect a file: text in, fields of documents and warnings out. What cannot be carried over is said, never
guessed; a definition of which nothing is left is left out, with a warning.
"""

from collections.abc import Callable, Mapping

from jobpool.declare.importers.common import Imported, ImportOptions, Warning
from jobpool.declare.importers.crontab import import_crontab
from jobpool.declare.importers.dkron import import_dkron
from jobpool.declare.importers.k8s import import_cron_jobs
from jobpool.declare.importers.original import import_original
from jobpool.declare.importers.xxl import import_xxl

IMPORTERS: Mapping[str, Callable[[str, ImportOptions], Imported]] = {
    "crontab": import_crontab,
    "dkron": import_dkron,
    "k8s-cronjob": import_cron_jobs,
    "original": import_original,
    "xxl-job": import_xxl,
}

__all__ = ["IMPORTERS", "ImportOptions", "Imported", "Warning"]
