"""`banksman serve --no-worker`: everything in a delivery is committed before it is answered."""

from __future__ import annotations

from banksman import local
from banksman.app import Parts, Service, create_app
from banksman.observability import logging
from banksman.serving import keep_garbage_collection_short
from banksman.settings import load
from benchmarks.servers.serve import serve

if __name__ == "__main__":
    settings = load()
    logging.configure(settings.log_level, "json")
    keep_garbage_collection_short()
    serve(create_app(Service(settings, local.media_store(settings), Parts(worker=False))))
