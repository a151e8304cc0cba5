"""Reads what trackers keep, with their own packages, and prints it as one line of JSON.

python -m tests.lib.trackers.readers tensorboard FOLDER
python -m tests.lib.trackers.readers wandb FILE
python -m tests.lib.trackers.readers trackio FOLDER PROJECT RUN
"""

import json
import os
import struct
import sys
from pathlib import Path


def tensorboard(folder):
    """Tags with their (step, wall time, value), as TensorBoard's own reader has them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    found = EventAccumulator(folder, size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
    found.Reload()
    tags = found.Tags()
    options = found.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    started = metadata.parse_session_start_info_plugin_data(options)
    return {
        "scalars": {
            tag: [[e.step, e.wall_time, e.value] for e in found.Scalars(tag)]
            for tag in tags["scalars"]
        },
        "histograms": {
            tag: [[e.step, *_plain(e.histogram_value)] for e in found.Histograms(tag)]
            for tag in tags["histograms"]
        },
        "texts": {
            tag: [e.tensor_proto.string_val[0].decode() for e in found.Tensors(tag)]
            for tag in tags["tensors"]
            if not tag.startswith("_hparams_")
        },
        "options": {
            name: getattr(value, value.WhichOneof("kind"))
            for name, value in started.hparams.items()
        },
    }


def _plain(histogram):
    sums = [histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sum_squares]
    return [*sums, list(histogram.bucket_limit), list(histogram.bucket)]


def wandb(path):
    """The history (one object a step), the configuration and the exit code of an offline run."""
    from wandb.proto.wandb_internal_pb2 import Record

    history, options, exit_code, run = [], {}, None, {}
    for data in _leveldb_log(Path(path).read_bytes()):
        record = Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            history.append(_nested(record.history.item))
        elif kind == "run":
            run = {"id": record.run.run_id, "project": record.run.project}
            run["group"] = record.run.run_group
            options = _nested(record.run.config.update)
        elif kind == "exit":
            exit_code = record.exit.exit_code
    return {"history": history, "options": options, "exit_code": exit_code, "run": run}


def _nested(items):
    found = {}
    for item in items:
        *outer, last = item.nested_key or [item.key]
        place = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = json.loads(item.value_json)
    return found


def _leveldb_log(data):
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    assert data[:4] == b":W&B"
    at, record = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0:
            break
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        # 1: whole; 2, 3, 4: first, middle and last part.
        if kind in (1, 4):
            yield record
            record = b""


def trackio(folder, project, run):
    os.environ |= {"TRACKIO_DIR": folder, "HF_HUB_OFFLINE": "1"}
    from trackio.sqlite_storage import SQLiteStorage

    records = [record for record in SQLiteStorage.get_run_records(project) if record["name"] == run]
    record = records[-1]
    logs = SQLiteStorage.get_logs(project, run, run_id=record["id"])
    for log in logs:
        log.pop("timestamp")
    options = SQLiteStorage.get_run_config(project, run, run_id=record["id"])
    return {"logs": logs, "options": options, "runs": SQLiteStorage.get_runs(project)}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    readers = {"tensorboard": tensorboard, "wandb": wandb, "trackio": trackio}
    print(json.dumps(readers[what](*arguments)))
