#!/usr/bin/env python3
"""Makes Weights & Biases runs of a study: one a run of `evenkeel export jsonl STUDY -o DIR`.

    evenkeel export jsonl my-study -o lines
    python3 scripts/wandb_import.py lines --project my-study --dry-run
    WANDB_MODE=offline python3 scripts/wandb_import.py lines --project my-study

Each run gets its group (the recipe), its settings and seeds as config, its metrics by step, and its
score as summary. Needs the package `wandb`; --dry-run needs nothing.
"""
import argparse
import collections
import hashlib
import json
import os
import sys

SCHEMA = 1


def lines(folder, name):
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            record = json.loads(line)
            if record.get("schema") != SCHEMA:
                sys.exit(f"{path}:{number}: schema {record.get('schema')}, this script reads {SCHEMA}")
            yield record


def value_of(record):
    """JSON has no NaN: such a value is null with its kind beside it."""
    return float(record["kind"]) if record["value"] is None else record["value"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what `evenkeel export jsonl` wrote")
    parser.add_argument("--project", help="project of the runs [the study's name]")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made")
    options = parser.parse_args()
    try:
        runs = [run for run in lines(options.folder, "runs.jsonl") if run["status"] == "done"]
        steps = collections.defaultdict(lambda: collections.defaultdict(dict))
        for record in lines(options.folder, "metrics.jsonl"):
            steps[record["run"]][record["step"]][record["name"]] = value_of(record)
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}; make it with: evenkeel export jsonl STUDY -o {options.folder}")
    if not options.dry_run:
        import wandb
    for run in runs:
        project = options.project or run["study"]
        name = f"{run['group']} seed {run['seed']}"
        logged = steps[run["run"]]
        if options.dry_run:
            print(f"{project}: {name}: group {run['group']}, {len(run['settings'])} settings, {len(logged)} steps")
            continue
        # The same run of the same study always has the same id.
        key = f"{run['study']} {run['group']} {run['seeds']} {run['run']} {run['weights_hash']}"
        config = dict(run["settings"], recipe=run["recipe"], seed=run["seed"],
                      **{f"{k}_seed": v for k, v in run["seeds"].items()})
        made = wandb.init(project=project, group=run["group"], name=name, config=config,
                          id=hashlib.sha256(key.encode()).hexdigest()[:16], reinit=True)
        for step in sorted(logged):
            made.log(logged[step], step=step)
        for key in ("score", "best_score", "outcome", "metric", "split", "checkpoint", "baseline", "weights_hash"):
            made.summary[key] = run[key]
        made.finish()


if __name__ == "__main__":
    main()
