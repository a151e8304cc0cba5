"""As much of a wandb server as a run needs: who is logged in, one run, its history.

What wandb 0.31.0 asks for was read off its requests. Operations that are not known here get an
empty answer, which it takes as none.
"""

import gzip
import json
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OWNER = {"id": "owner", "name": "us"}
PROJECT = {"id": "project", "name": "bitterbench-tests", "entity": OWNER}


class WandbServer:
    """A server on a port of its own; `history` is what it has of the run, one object a step."""

    def __init__(self):
        self.history = []
        self.received = []
        """The steps of everything that was ever sent, also of what was replaced."""
        self.upserts = []
        self.exit_codes = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("graphql"):
                    request = json.loads(body)
                    operation = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])
                    answer = outer.answer(operation and operation[1], request.get("variables"))
                else:
                    answer = outer.take(body) if self.path.endswith("file_stream") else {}
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PUT = do_POST

            def handle(self):
                # A process that ends closes its connections without a word.
                with suppress(ConnectionResetError):
                    super().handle()

            def log_message(self, *arguments):
                """Nothing: the tests look at what was said."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation, variables):
        if operation == "Viewer":
            who = {"id": "who", "entity": "us", "username": "us", "flags": "{}"}
            return {"data": {"viewer": who | {"teams": {"edges": []}}}}
        if operation == "UpsertBucket":
            self.upserts.append(variables)
            return {"data": {"upsertBucket": {"bucket": self._bucket(), "inserted": True}}}
        if operation == "RunResumeStatus":
            model = {"id": "project", "name": PROJECT["name"], "entity": OWNER}
            return {"data": {"model": model | {"bucket": self._resumed()}}}
        if operation == "CreateRunFiles":
            files = [{"name": n, "uploadUrl": f"{self.url}/{n}"} for n in variables["files"]]
            created = {"runID": "run", "uploadHeaders": [], "files": files}
            return {"data": {"createRunFiles": created}}
        return {"data": {}}

    def take(self, body):
        sent = json.loads(body)
        lines = sent.get("files", {}).get("wandb-history.jsonl")
        if lines:
            del self.history[lines["offset"] :]
            points = [json.loads(line) for line in lines["content"]]
            self.history += points
            self.received += [point["_step"] for point in points]
        if sent.get("complete"):
            self.exit_codes.append(sent["exitcode"])
        return {}

    def _bucket(self):
        name = self.upserts[0]["name"]
        shared = {"description": "", "sweepName": None, "config": "{}", "project": PROJECT}
        return {"id": "run", "name": name, "displayName": name, **shared}

    def _resumed(self):
        if not self.history:
            return None
        tail = json.dumps([json.dumps(self.history[-1])])
        counts = {"logLineCount": 0, "historyLineCount": len(self.history), "eventsLineCount": 0}
        tails = {"historyTail": tail, "eventsTail": "[]", "summaryMetrics": "{}", "tags": []}
        return self._bucket() | counts | tails | {"notes": "", "wandbConfig": '{"t": 1}'}
