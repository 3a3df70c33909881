"""Whether the controller and the operator are well: calls, commits, memory, passes."""

from nasfleet_monitoring.panels import Dashboard, Kind, Panel, Row, Series, Variable

AT = 'instance=~"$controller"'
# A process's own metrics do not say whose they are; what stands beside them does.
OF_CONTROLLER = f"and on (job, instance) nasfleet_build_info{{{AT}}}"
OF_OPERATOR = "and on (job, instance) nasfleet_operator_build_info"

NOW = Row(
    "Now",
    (
        Panel(
            "Controllers by version",
            "short",
            "Controllers that Prometheus reaches. It is one, or none for seconds while it is replaced.",
            (Series(f"sum by (version) (nasfleet_build_info{{{AT}}})", "{{version}}"),),
            Kind.NUMBER,
        ),
        Panel(
            "Store",
            "bool_yes_no",
            "Whether the store can be read and written. If not, nothing is acknowledged and trainers keep what they have: see "
            "the controller's log for the reason, and its disk.",
            (Series(f"min(nasfleet_store_available{{{AT}}})", "available"),),
            Kind.NUMBER,
        ),
        Panel(
            "Running for",
            "s",
            "Since the process began. If it is short again and again: kubectl logs --previous.",
            (Series(f"time() - (process_start_time_seconds {OF_CONTROLLER})", "{{instance}}"),),
            Kind.NUMBER,
        ),
        Panel(
            "Trials per second",
            "short",
            "Trials done for good, all searches together. One controller does several hundred.",
            (Series(f"sum(rate(nasfleet_trials_settled_total{{{AT}}}[$__rate_interval]))", "trials"),),
            Kind.NUMBER,
        ),
    ),
)

CALLS = Row(
    "Calls",
    (
        Panel(
            "Time of calls",
            "s",
            "Calls with one answer, by method: half of them took less than the median, one in a hundred more than the other "
            "line. Each waits for a commit, so they rise with the time of commits. ResultsService reads the store: large "
            "pages take long.",
            tuple(
                Series(f"histogram_quantile({quantile}, sum by (method, le) (rate({metric}[$__rate_interval])))", legend)
                for metric in [f"nasfleet_rpc_seconds_bucket{{{AT}}}"]
                for quantile, legend in ((0.5, "{{method}} median"), (0.99, "{{method}} slowest"))
            ),
        ),
        Panel(
            "Calls per second",
            "reqps",
            "Calls that have ended, by method, streams included.",
            (Series(f"sum by (method) (rate(nasfleet_rpcs_total{{{AT}}}[$__rate_interval]))", "{{method}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Calls that failed, per second",
            "reqps",
            "By status. UNAVAILABLE: the store is away. UNAUTHENTICATED and PERMISSION_DENIED: somebody without a token or "
            "without the right. CANCELLED: a client has left, in order for streams. UNKNOWN: a defect, with its traceback in "
            "the log.",
            (
                Series(
                    f'sum by (code) (rate(nasfleet_rpcs_total{{{AT}, code!="OK"}}[$__rate_interval]))',
                    "{{code}}",
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Open streams",
            "short",
            "Calls that have not ended. FleetService/Work is one for each trainer; WatchSearch one for each who looks on.",
            (Series(f"sum by (method) (nasfleet_rpcs_open{{{AT}}})", "{{method}}"),),
        ),
    ),
)

STORE = Row(
    "Store",
    (
        Panel(
            "Time of commits",
            "s",
            "How long a durable commit takes. Milliseconds on a good disk; if the slowest take more than half a second, the "
            "disk is slow or shared: give the controller a volume of its own.",
            tuple(
                Series(f"histogram_quantile({quantile}, sum by (le) (rate({metric}[$__rate_interval])))", legend)
                for metric in [f"nasfleet_store_commit_seconds_bucket{{{AT}}}"]
                for quantile, legend in ((0.5, "median"), (0.99, "slowest"))
            ),
        ),
        Panel(
            "Commits per second",
            "short",
            "Each makes durable all that gathered during the one before it.",
            (Series(f"sum(rate(nasfleet_store_commit_seconds_count{{{AT}}}[$__rate_interval]))", "commits"),),
        ),
        Panel(
            "Records in a commit",
            "short",
            "The busier the controller, the larger the groups: that is how it keeps up, and in order.",
            (
                Series(
                    f"sum(rate(nasfleet_store_records_total{{{AT}}}[$__rate_interval])) "
                    f"/ sum(rate(nasfleet_store_commit_seconds_count{{{AT}}}[$__rate_interval]))",
                    "records",
                ),
            ),
        ),
        Panel(
            "Commands that wait",
            "short",
            "For the one writer. A few while a commit runs. If it keeps growing, the controller does not keep up: see commits "
            "and processor time.",
            (Series(f"sum(nasfleet_commands_waiting{{{AT}}})", "commands"),),
        ),
        Panel(
            "Trials that wait",
            "short",
            "For a trainer, all searches together. If it grows, more trainers would be used: see the dashboard of the fleet.",
            (Series(f"sum(nasfleet_trials_queued{{{AT}}})", "trials"),),
        ),
        Panel(
            "Failures of the store, per minute",
            "short",
            "Attempts to use it that failed; about 60 while it is not available. Nothing acknowledged is lost. Free some "
            "space, mend the disk or the database; the controller goes on by itself.",
            (Series(f"sum(rate(nasfleet_store_failures_total{{{AT}}}[$__rate_interval])) * 60", "failures"),),
        ),
        Panel(
            "Disk in use",
            "percentunit",
            "Of the disk with the state directory. Delete searches that are no longer needed, or enlarge the volume, before it "
            "is full.",
            (
                Series(
                    f"1 - nasfleet_state_disk_free_bytes{{{AT}}} / nasfleet_state_disk_bytes{{{AT}}}",
                    "{{instance}}",
                ),
            ),
            highest=1,
        ),
    ),
)

PROCESS = Row(
    "Process",
    (
        Panel(
            "Memory",
            "bytes",
            "What the system counts as resident. About 100 MB for 1,000 trainers, and 700 MB more once a search has a policy, "
            "which needs torch. Beside the limit of the pod, if it has one, leave a third free.",
            (Series(f"process_resident_memory_bytes {OF_CONTROLLER}", "{{instance}}"),),
        ),
        Panel(
            "Processor",
            "suffix: cores",
            "Cores in use. The writer and the policy need one each at most.",
            (Series(f"rate(process_cpu_seconds_total[$__rate_interval]) {OF_CONTROLLER}", "{{instance}}"),),
        ),
        Panel(
            "Open files",
            "short",
            "Connections of trainers are the most of them. Near the limit of the process, new ones are refused.",
            (
                Series(f"process_open_fds {OF_CONTROLLER}", "{{instance}} open"),
                Series(f"process_max_fds {OF_CONTROLLER}", "{{instance}} limit"),
            ),
        ),
    ),
)

OPERATOR = Row(
    "Operator",
    (
        Panel(
            "Time of passes",
            "s",
            "A pass looks at one resource and makes it be as declared; the slowest one in a hundred. Seconds: the API server "
            "or the controller answers slowly.",
            (
                Series(
                    "histogram_quantile(0.99, sum by (kind, le) "
                    "(rate(nasfleet_operator_reconcile_seconds_bucket[$__rate_interval])))",
                    "{{kind}}",
                ),
            ),
        ),
        Panel(
            "Passes per second",
            "short",
            "More than a few for each resource, on and on, with nothing declared anew: somebody alters what the operator "
            "applies; see AlteredByOthers in the runbook.",
            (Series("sum by (kind) (rate(nasfleet_operator_reconcile_seconds_count[$__rate_interval]))", "{{kind}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Passes that failed, per minute",
            "short",
            "By error; each is made again later. UnavailableError: the API server or the controller did not answer. "
            "ConflictError: somebody else was quicker. InvalidInputError: something was refused. Any other is a defect.",
            (
                Series(
                    "sum by (kind, error) (rate(nasfleet_operator_reconcile_errors_total[$__rate_interval])) * 60",
                    "{{kind}} {{error}}",
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Calls to the API server, per second",
            "reqps",
            "By what is done. Few while nothing changes.",
            (Series("sum by (verb) (rate(nasfleet_operator_api_calls_total[$__rate_interval]))", "{{verb}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Calls to the API server that failed, per minute",
            "short",
            "By status: 403 is a right that is missing, 409 a conflict and in order now and then, 429 a server that is asked "
            "too much, unanswered one that is away.",
            (
                Series(
                    'sum by (outcome) (rate(nasfleet_operator_api_calls_total{outcome!="succeeded"}[$__rate_interval])) * 60',
                    "{{outcome}}",
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Resources",
            "short",
            "Pools and searches that it looks after, and those that wait for a pass: none, except for moments.",
            (
                Series("sum(nasfleet_operator_pools)", "pools"),
                Series("sum(nasfleet_operator_searches)", "searches"),
                Series("sum(nasfleet_operator_queue_depth)", "waiting"),
            ),
        ),
        Panel(
            "Memory of the operator",
            "bytes",
            "What the system counts as resident; it grows with pods and resources, not with trials.",
            (Series(f"process_resident_memory_bytes {OF_OPERATOR}", "{{instance}}"),),
        ),
    ),
)

CONTROLLER = Dashboard(
    uid="nasfleet-controller",
    title="nasfleet / Controller",
    description="Whether the controller and the operator are well: calls, commits, memory, passes.",
    variables=(Variable("controller", "Controller", "nasfleet_build_info", "instance"),),
    rows=(NOW, CALLS, STORE, PROCESS, OPERATOR),
)
