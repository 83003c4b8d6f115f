"""A Flask application that enqueues for workers of tsrq, and asks for results.

    pip install flask rq
    flask --app examples/python/web run
    npx tsrq worker --jobs examples/jobs.ts reports email

The jobs are functions of TypeScript: examples/jobs.ts gives them their names.
"""
import os

from flask import Flask, jsonify, request
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

app = Flask(__name__)
redis = Redis.from_url(os.environ.get("TSRQ_REDIS_URL", "redis://localhost:6379/0"))
# JSON is read in both languages; workers of tsrq read RQ's default, pickles of plain data, as well.
reports = Queue("reports", connection=redis, serializer=JSONSerializer)


@app.post("/reports")
def create():
    job = reports.enqueue("reports.build", request.get_json()["month"])
    return jsonify(id=job.id), 202, {"Location": f"/reports/{job.id}"}


@app.get("/reports/<job_id>")
def show(job_id):
    try:
        job = Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
    except NoSuchJobError:
        return jsonify(error="no such report"), 404
    return jsonify(status=job.get_status(), result=job.return_value())
