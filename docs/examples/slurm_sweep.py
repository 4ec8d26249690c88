"""A sweep on a SLURM cluster: dask-jobqueue asks for workers, simsnn runs points on them.

Needs `pip install 'simsnn-accel[cluster]'` in an environment that the nodes see, too. Start it on the login node, or in
a small job of its own, in a folder that all nodes share:

    python slurm_sweep.py array_size --jobs 16 --partition short

Workers come and go with the queue; points run as soon as the first is there. Killed, it goes on where it ended.
"""

from __future__ import annotations

import argparse

from dask_jobqueue import SLURMCluster
from distributed import Client

import simsnn
from simsnn.sweep.runner import SweepOptions

ONE_THREAD = [f"export {name}_NUM_THREADS=1" for name in ("NUMBA", "OMP", "OPENBLAS", "MKL")]
"""A worker runs one point at a time; more threads would only fight each other."""


def cluster_of(partition: str | None, account: str | None, walltime: str, memory: str) -> SLURMCluster:
    """A cluster whose every job is one worker on one core; nothing is asked for yet."""
    return SLURMCluster(
        queue=partition,
        account=account,
        cores=1,
        processes=1,
        memory=memory,
        walltime=walltime,
        job_name="simsnn-sweep",
        job_script_prologue=ONE_THREAD,
        log_directory="slurm_logs",
    )


def main(arguments: list[str] | None = None) -> None:
    """Ask for workers, wait for the first, run the sweep on all that come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="sweep file, or the name of a shipped one")
    parser.add_argument("--jobs", type=int, default=8, help="jobs to ask for, one worker each")
    parser.add_argument("--partition", default=None)
    parser.add_argument("--account", default=None)
    parser.add_argument("--walltime", default="02:00:00", help="of one job")
    parser.add_argument("--memory", default="2GB", help="of one job")
    found = parser.parse_args(arguments)
    with cluster_of(found.partition, found.account, found.walltime, found.memory) as cluster:
        cluster.scale(jobs=found.jobs)
        with Client(cluster) as client:
            print(f"waiting for the first of {found.jobs} jobs")
            client.wait_for_workers(1)
            options = SweepOptions(executor="dask", scheduler=cluster.scheduler_address)
            stored = simsnn.run_sweep(found.sweep, options=options, watch=lambda p: print(f"{p.done} of {p.total}"))
    print(len(stored.table.done), "points ran, written to", stored.folder)


if __name__ == "__main__":
    main()
