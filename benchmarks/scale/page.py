"""What was measured and predicted -> a page in Markdown and a figure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.scale.costs import ASSUMED, CLASSES
from glyphgen.executors.dask_cluster import TASK_S
from glyphgen.text import show_bytes

__all__ = ["draw_figure", "show_page"]

_TEMPLATE = Path(__file__).with_name("page.md")
_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance"
_ASSUMED = (
    (
        "one transfer",
        f"{ASSUMED.connection / 1e6:.0f} MB/s",
        f"what [S3's guide]({_S3}-design-patterns.html) counts for a connection: 85 to 90 MB/s",
    ),
    ("all transfers", f"{ASSUMED.bandwidth / 1e9:.0f} GB/s", "a guess; ask whoever runs the store"),
    (
        "a request waits",
        f"{ASSUMED.latency * 1e3:.0f} ms, half of it less or more",
        f"[S3's guide]({_S3}.html) tells of 100 to 200 ms",
    ),
    (
        "requests",
        f"{ASSUMED.puts:,.0f} PUT and {ASSUMED.gets:,.0f} GET a second",
        f"of a prefix, by [S3's guide]({_S3}.html)",
    ),
)

_QUIET = 0.9  # of a core, that one busy process gets
_BUSY = """

**The machine was busy with other work while this was measured**: what a run takes by the clock, here and
beside Dask, changed from second to second, and the errors below are those of such a machine."""


def show_page(measured: Mapping[str, Any], predicted: Mapping[str, Any], machine: str) -> str:
    """Return the page.

    Args:
        measured: Each part by its name.
        predicted: As ``predict_all`` returns it.
        machine: A sentence of what it was measured on.
    """
    store, dask, starts = measured["store"], measured["dask"], measured["starts"]
    server = store["server_cpu_s_per_put"] + store["server_cpu_s_per_byte"] * (32 << 20)
    cores = measured["runs"]["cores"]
    gained = ", ".join(f"{of_n:.2f} of a core's work for {n}" for n, of_n in cores.items())
    values = {
        "machine": machine,
        "classes": f"{starts['classes']:,}",
        "faces": starts["faces"],
        "costs_table": _show_costs(measured),
        "requests_table": _show_requests(store["requests"]),
        "server_ms": f"{server * 1e3:.0f}",
        "server_pace": f"{1 / server:.1f}",
        "index_table": _show_index(measured["index"]),
        "dask_rounds": len(dask["task_s"]["dask"]),
        "dask_table": _show_dask(dask),
        "cores": gained,
        "busy": _BUSY if cores["1"] < _QUIET else "",
        "local_table": _show_local(predicted["local"]),
        "usual_rows": f"{measured['runs']['kinds']['usual']['rows_per_shard']:,}",
        "assumed_table": _make_table(("what", "assumed", "why"), "lll", _ASSUMED),
        "clusters_table": _show_clusters(predicted["clusters"]),
        "sizes_table": _show_sizes(predicted["clusters"]),
        "limits_table": _show_limits(predicted["limits"]),
        "conclusion": _conclude(measured, predicted),
        "connection": f"{ASSUMED.connection / 1e6:.0f}",
        "card": f"{16 * ASSUMED.connection * 8 / 1e9:.0f}",
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _make_table(head: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; ``sides`` has an l or an r for each column."""
    marks = ["---" if side == "l" else "---:" for side in sides]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.{2 if seconds < 0.01 else 0}f} ms"


def _show_seconds(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _show_costs(measured: Mapping[str, Any]) -> str:
    made, driver, starts = measured["workers"], measured["driver"], measured["starts"]
    memory, store = measured["memory"], measured["store"]
    rows = [
        (
            f"a worker makes a shard of {made['rows_per_shard']:,} rows",
            _ms(made["formats"]["npy"]["cpu_s"]),
            f"{_ms(made['cpu_s_fixed'])} and {made['cpu_s_per_row'] * 1e6:.1f} microseconds a row",
        ),
        *((f"... {step}", _ms(s), "") for step, s in made["steps_s"].items() if step != "whole"),
        (
            "... as HDF5, with gzip",
            _ms(made["formats"]["gzip"]["cpu_s"]),
            f"{made['formats']['gzip']['row_bytes']:.0f} bytes a row, not {made['row_bytes']:,.0f}",
        ),
        (
            "the slowest shard, the typical one",
            f"{max(made['spread']):.2f} to 1",
            f"of {len(made['spread'])}",
        ),
        (
            "a worker's put of 32 MiB into a store",
            _ms(store["client_cpu_s_per_put"] + store["client_cpu_s_per_byte"] * (32 << 20)),
            "beside the travel",
        ),
        (
            "the driver, a shard",
            _ms(driver["cpu_s_per_shard"]),
            f"the slope from {min(map(int, driver['cpu_s_by_shards'])):,} to"
            f" {max(map(int, driver['cpu_s_by_shards'])):,} tiny shards;"
            f" {driver['bytes_kept_per_shard']:.0f} bytes of memory more for each",
        ),
        ("the driver reads recipe and fonts", f"{starts['prepare_cpu_s']:.1f} s", "again"),
        (
            "... for the first time",
            f"{starts['prepare_cold_cpu_s']:.0f} s",
            "the gate judges all cells",
        ),
        (
            "the driver's claim, job and pages",
            f"{starts['render_one_cpu_s']:.1f} s",
            f"the job has {show_bytes(starts['job_bytes'])}, most of it outlines",
        ),
        ("a worker process starts", f"{starts['worker_cpu_s']:.1f} s", "libraries and job"),
        ("... and fetches the job from a store", f"{starts['fetch_cpu_s']:.1f} s", "once each"),
        ("memory of the driver", show_bytes(memory["driver_bytes"]), "with the outlines"),
        (
            "memory of a worker",
            show_bytes(memory["worker_bytes"]),
            f"{show_bytes(memory['worker_own_bytes'])} of its own; outlines are mapped",
        ),
    ]
    return _make_table(("what", "measured", ""), "lrl", rows)


def _show_requests(requests: Mapping[str, Any]) -> str:
    verbs = sorted({verb for counted in requests.values() for verb in counted["per_shard"]})
    rows = [
        (
            f"`--executor {name}`",
            *(f"{counted['per_shard'].get(verb, 0):g}" for verb in verbs),
            f"{sum(counted['fixed'].values()):.0f}",
        )
        for name, counted in requests.items()
    ]
    return _make_table(
        ("", *(f"{verb} a shard" for verb in verbs), "once"), "l" + "r" * (len(verbs) + 1), rows
    )


def _show_index(index: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{int(n):,}",
            show_bytes(of_n["bytes"]),
            _ms(of_n["write_cpu_s"]),
            _ms(of_n["read_cpu_s"]),
        )
        for n, of_n in index.items()
    ]
    return _make_table(("shards", "size", "written in", "read in"), "rrrr", rows)


def _show_dask(dask: Mapping[str, Any]) -> str:
    tasks, shards = dask["task_s"], dask["shard_s"]
    parts, shared = dask["tasks"], dask["shared"]
    median = statistics.median
    rows = [
        (
            f"a task of {_ms(dask['work_s'])} of a core, while two workers make such",
            _ms(median(tasks["processes"])),
            _ms(median(tasks["dask"])),
            f"{dask['task_ratio']:.2f} x as fast",
        ),
        (
            "a usual shard, while two workers make such",
            _ms(median(shards["processes"])),
            _ms(median(shards["dask"])),
            f"{dask['shard_ratio']:.2f} x as fast",
        ),
        (
            "processor time of a task that does nothing: driver",
            _ms(dask["process_driver_cpu_s"]),
            _ms(parts["client_cpu_s"]),
            "",
        ),
        ("... scheduler", "", _ms(parts["scheduler_cpu_s"]), "one process for all workers"),
        ("... worker", _ms(dask["process_task_cpu_s"]), _ms(parts["worker_cpu_s"]), ""),
        (
            "all three for a shard that shares its task with others",
            "",
            _ms(sum(shared[f"{part}_cpu_s"] for part in ("client", "scheduler", "worker"))),
            f"tasks of up to {_ms(TASK_S)}",
        ),
        (
            "memory of the scheduler",
            "",
            show_bytes(parts["scheduler_bytes"]),
            f"{max(0, parts['scheduler_bytes_kept']):,.0f} bytes more for each task of the second half",
        ),
    ]
    return _make_table(("what", "processes", "Dask", ""), "lrrl", rows)


def _show_local(local: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{row['shards']:,} {row['kind']} shards",
            str(row["workers"]),
            f"{row['predicted_s']:.2f} s",
            f"{row['measured_s']:.2f} s",
            f"{row['least_s']:.2f} to {row['most_s']:.2f} s",
            f"{row['error']:+.0%}",
        )
        for row in local
    ]
    head = ("run", "workers", "predicted", "measured, median", "from, to", "error")
    return _make_table(head, "lrrrrr", rows)


def _show_clusters(clusters: Sequence[Mapping[str, Any]]) -> str:
    names = ("workers", "bandwidth", "requests", "scheduler", "driver")
    rows = [
        (
            f"{row['dataset']}, {row['variant']}",
            f"{row['cores']:,}",
            _show_seconds(row["seconds"]),
            f"{row['rows_per_s']:,.0f}",
            *(f"{row['busy'][name]:.0%}" for name in names),
        )
        for row in clusters
    ]
    head = ("dataset", "cores", "time", "rows a second", "cores busy", "bandwidth", "requests")
    return _make_table((*head, "scheduler", "driver"), "l" + "r" * 8, rows)


def _show_sizes(clusters: Sequence[Mapping[str, Any]]) -> str:
    rows = {
        (
            f"{row['dataset']}, {row['variant']}",
            f"{row['shards']:,}",
            show_bytes(row["bytes"]),
            show_bytes(row["index_bytes"]),
            _ms(row["index_read_s"]),
            show_bytes(row["driver_bytes"]),
        ): None
        for row in clusters
        if "threads" not in row["variant"]  # they change no size
    }
    head = ("dataset", "shards", "stored", "index.json", "read in", "memory of the driver")
    return _make_table(head, "lrrrrr", rows)


def _show_limits(limits: Sequence[Mapping[str, Any]]) -> str:
    names = list(limits[0]["cores"])
    rows = []
    for row in limits:
        first = min(row["cores"], key=row["cores"].get)
        cells = (f"{row['cores'][name]:,.0f}" for name in names)
        marked = (
            f"**{cell}**" if name == first else cell
            for name, cell in zip(names, cells, strict=True)
        )
        rows.append(
            (
                row["variant"],
                _ms(row["shard_s"]),
                _ms(row["travel_s"]),
                f"{row['rows_per_s']:,.0f}",
                *marked,
            )
        )
    head = ("", "a shard is made in", "and travels for", "rows a second of a core", *names)
    return _make_table(head, "l" + "r" * (3 + len(names)), rows)


def _conclude(measured: Mapping[str, Any], predicted: Mapping[str, Any]) -> str:
    """Return sentences that follow from the tables."""
    lines = []
    for row in predicted["limits"]:
        first, second = sorted(row["cores"], key=row["cores"].get)[:2]
        lines.append(
            f"- {row['variant'].capitalize().replace('Hdf5', 'HDF5')}: the {first} is full with"
            f" {row['cores'][first]:,.0f} cores, the {second} would be with"
            f" {row['cores'][second]:,.0f}. A shard travels for"
            f" {row['travel_s'] / (row['travel_s'] + row['shard_s']):.0%} of the time that it takes."
        )
    job = measured["starts"]["job_bytes"] * CLASSES / measured["starts"]["classes"]
    lines.append(
        f"- Each worker process fetches the job, which has about {show_bytes(job)} for {CLASSES:,} kanji:"
        f" 256 processes keep the store busy for {256 * job / ASSUMED.bandwidth:.0f} s before they"
        " make a shard."
    )
    many = [row for row in predicted["clusters"] if row["cores"] == 256]
    for dataset in dict.fromkeys(row["dataset"] for row in many):
        best = min((r for r in many if r["dataset"] == dataset), key=lambda r: float(r["seconds"]))
        lines.append(
            f"- {dataset} on 256 cores are made soonest with {best['variant']}:"
            f" {_show_seconds(best['seconds'])}."
        )
    return "\n".join(lines)


def draw_figure(predicted: Mapping[str, Any], path: Path) -> None:
    """Draw rows a second by cores, with the point where each way to make a dataset saturates."""
    from glyphgen.report.charts import make_figure, save_png, styled

    colors = ("#0b5c8a", "#b3450f", "#5d5850", "#4c7a34", "#7a3b8c")

    @styled
    def draw() -> None:
        figure = make_figure(6.4, 4.2)
        axes = figure.subplots()
        for (name, curve), limit, color in zip(
            predicted["curves"].items(), predicted["limits"], colors, strict=True
        ):
            cores = [int(n) for n in curve]
            first = min(limit["cores"], key=limit["cores"].get)
            at = limit["cores"][first]
            label = f"{name}: {first} full with {at:,.0f} cores"
            axes.plot(cores, list(curve.values()), color=color, label=label, linewidth=1.4)
            axes.plot([at], [limit["rows_per_s"] * at], "o", color=color, markersize=5)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(cores, [f"{n:,}" for n in cores])
        axes.set_xlim(cores[0] * 0.8, cores[-1] * 1.25)
        axes.set_xlabel("cores of workers")
        axes.set_ylabel("rows a second")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(loc="lower right")
        save_png(path, figure)

    draw()
