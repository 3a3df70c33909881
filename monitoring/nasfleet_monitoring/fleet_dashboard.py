"""What the trainers do: how many there are, how far they are used, what they get done, what goes wrong."""

from nasfleet_monitoring.panels import Dashboard, Kind, Panel, Row, Series, Variable

OF = 'namespace=~"$namespace", search=~"$search"'
POOL = 'pool=~"$pool"'
EACH = "{{namespace}}/{{search}}"
HERE = f'{{{POOL}, state!="lost"}}'

NOW = Row(
    "Now",
    (
        Panel(
            "Children in training",
            "short",
            "Networks that are being trained at this moment, of the chosen searches.",
            (Series(f"sum(nasfleet_children_in_training{{{OF}}})", "children"),),
            Kind.NUMBER,
        ),
        Panel(
            "Trainers",
            "short",
            "Trainers that are connected. Without any, trials wait: see Trainers of pools below.",
            (Series(f"sum(nasfleet_trainers{HERE})", "trainers"),),
            Kind.NUMBER,
        ),
        Panel(
            "Utilisation",
            "percentunit",
            "Of the slots of connected trainers, the part in which a child is in training. If it is low while trials wait, "
            "searches do not suit the pools, or their parallelism is too small.",
            (Series(f"sum(nasfleet_slots_training{{{POOL}}}) / sum(nasfleet_slots{{{POOL}}})", "utilisation"),),
            Kind.NUMBER,
            highest=1,
        ),
        Panel(
            "Trainer-hours in this time",
            "short",
            "What the chosen searches have cost in the time that is shown: hours of trainers, of attempts that have ended, "
            "whatever came of them.",
            (Series(f"sum(increase(nasfleet_trainer_seconds_total{{{OF}}}[$__range])) / 3600", "trainer-hours"),),
            Kind.NUMBER,
        ),
    ),
)

WORK = Row(
    "Work",
    (
        Panel(
            "Children in training by search",
            "short",
            "Who uses the fleet. Shares follow the weight of the searches; raise that of one that is to have more.",
            (Series(f"sum by (namespace, search) (nasfleet_children_in_training{{{OF}}})", EACH),),
            Kind.AREAS,
        ),
        Panel(
            "Trials per hour",
            "short",
            "Trials done for good, by search, whatever came of them.",
            (
                Series(
                    f"sum by (namespace, search) (rate(nasfleet_trials_settled_total{{{OF}}}[$__rate_interval])) * 3600", EACH
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Epochs per hour",
            "short",
            "Epochs that children were trained for, by search, each once. Trials end in bursts; epochs show whether the fleet "
            "goes on in between.",
            (Series(f"sum by (namespace, search) (rate(nasfleet_epochs_total{{{OF}}}[$__rate_interval])) * 3600", EACH),),
            Kind.AREAS,
        ),
        Panel(
            "Trainer-hours per hour",
            "short",
            "Trainers at work on each search, the mean of the last hour: what it costs. Of attempts that have ended; one of "
            "several hours counts when it ends.",
            (Series(f"sum by (namespace, search) (rate(nasfleet_trainer_seconds_total{{{OF}}}[1h]))", EACH),),
            Kind.AREAS,
        ),
        Panel(
            "Examples per second",
            "short",
            "Training examples, all trainers together, in the last epochs; 0 for tasks that train on none. If it falls with as "
            "many children, networks have become larger, or trainers share processors.",
            (Series("sum(nasfleet_trainer_examples_per_second)", "examples"),),
        ),
        Panel(
            "From a free slot to a trial",
            "s",
            "How long a trainer's slot was free before it was given a trial; 0 for one that was given ahead of time. "
            "Milliseconds while trials wait. Seconds mean that there were none: the policy waits for a batch, or parallelism "
            "is smaller than the fleet.",
            tuple(
                Series(f"histogram_quantile({quantile}, sum by (le) (rate({metric}[$__rate_interval])))", legend)
                for metric in ["nasfleet_assignment_wait_seconds_bucket"]
                for quantile, legend in ((0.5, "median"), (0.99, "one in a hundred"))
            ),
        ),
    ),
)

TRAINERS = Row(
    "Trainers",
    (
        Panel(
            "Trainers by state",
            "short",
            "idle, busy, draining (asked to leave), lost (not connected, but holding a lease for some seconds still). Lost "
            "ones that come and go without end: look at their pods and the network.",
            (Series(f"sum by (state) (nasfleet_trainers{{{POOL}}})", "{{state}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Trainers of pools, there and wanted",
            "short",
            "If fewer are there than wanted for long: kubectl describe tp/POOL says why. Trainers without a pool have no "
            "second line.",
            (
                Series(f"sum by (pool) (nasfleet_trainers{HERE})", "{{pool}} there"),
                Series(f"sum by (pool) (nasfleet_pool_wanted_trainers{{{POOL}}})", "{{pool}} wanted"),
            ),
        ),
        Panel(
            "Utilisation by pool",
            "percentunit",
            "Of the slots, the part in which a child is in training. Low while trials wait: compare trainerPoolSelector with "
            "the labels of the pools.",
            (
                Series(
                    f"sum by (pool) (nasfleet_slots_training{{{POOL}}}) / sum by (pool) (nasfleet_slots{{{POOL}}})", "{{pool}}"
                ),
            ),
            highest=1,
        ),
        Panel(
            "Slots that searches could use",
            "short",
            "Beside those that are there. More than there are: trials wait, and a larger pool would be used; autoscaling goes "
            "by this line.",
            (
                Series(f"sum by (pool) (nasfleet_pool_wanted_slots{{{POOL}}})", "{{pool}} could be used"),
                Series(f"sum by (pool) (nasfleet_slots{{{POOL}}})", "{{pool}} there"),
            ),
        ),
        Panel(
            "Silent or cordoned",
            "short",
            "Silent: connected, but nothing heard for 15 s, so that they get nothing more; a machine that hangs or a network "
            "that is broken. Cordoned: their pool is about to shrink.",
            (
                Series(f"sum by (pool) (nasfleet_trainers_silent{{{POOL}}})", "{{pool}} silent"),
                Series(f"sum by (pool) (nasfleet_trainers_cordoned{{{POOL}}})", "{{pool}} cordoned"),
            ),
        ),
        Panel(
            "Pods that are scraped, by version",
            "short",
            "Processes of trainers that Prometheus reaches: one for each pod. Two versions at once are a rollout. Fewer than "
            "there are pods: see the PodMonitor or the annotations, and the network policy.",
            (Series("count by (version) (nasfleet_trainer_build_info)", "{{version}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Nodes with trainers",
            "short",
            "Nodes on which trainers run that Prometheus reaches, and how many on each. A node that goes takes its trainers' "
            "leases with it, which others get. The label node comes from the chart's PodMonitors.",
            (Series('count by (node) (nasfleet_trainer_build_info{node!=""})', "{{node}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Device memory",
            "bytes",
            "Memory of GPUs that the children have reserved, all trainers together; 0 on processors. Near what the GPUs have: "
            "expect out_of_memory, and lower the batch size or the slots.",
            (Series("sum(nasfleet_trainer_device_memory_bytes)", "reserved"),),
        ),
    ),
)

FAILURES = Row(
    "Failures",
    (
        Panel(
            "Failed attempts per hour by kind",
            "short",
            "As the controller counts them. lease_expired: trainers that vanish. trainer_unable: a task or data set that is "
            "missing there. not_finite, out_of_memory, cannot_build, crashed: of the networks. returned is in order.",
            (Series(f"sum by (kind) (rate(nasfleet_attempts_failed_total{{{OF}}}[$__rate_interval])) * 3600", "{{kind}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Failed attempts among all",
            "percentunit",
            "Of the attempts of the last hour that have ended, the part that gave no measurement.",
            (
                Series(
                    f"sum by (namespace, search) (increase(nasfleet_attempts_failed_total{{{OF}}}[1h])) "
                    f"/ (sum by (namespace, search) (increase(nasfleet_attempts_failed_total{{{OF}}}[1h])) "
                    f'+ sum by (namespace, search) (increase(nasfleet_trials_settled_total{{{OF}, outcome="succeeded"}}[1h])))',
                    EACH,
                ),
            ),
            highest=1,
        ),
        Panel(
            "What came of attempts, as trainers count it",
            "short",
            "Per hour. Those that trainers never told of, since they vanished, are in the controller's count only.",
            (
                Series(
                    "sum by (kind) (rate(nasfleet_trainer_outcomes_total[$__rate_interval])) * 3600",
                    "{{kind}}",
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Streams that broke, per hour",
            "short",
            "Trainers whose stream to the controller broke and was opened again. All at once: the controller was away. Some, "
            "again and again: the network between.",
            (Series("sum(rate(nasfleet_trainer_stream_reconnects_total[$__rate_interval])) * 3600", "streams"),),
        ),
        Panel(
            "Outcomes that came too late, per hour",
            "short",
            "Of leases that had been taken back: stored, never counted. More than a few: trainers fall silent longer than "
            "trial.leaseSeconds.",
            (Series("sum(rate(nasfleet_outcomes_late_total[$__rate_interval])) * 3600", "outcomes"),),
        ),
    ),
)

FLEET = Dashboard(
    uid="nasfleet-fleet",
    title="nasfleet / Fleet",
    description="What the trainers do: how many there are, how far they are used, what they get done, what goes wrong.",
    variables=(
        Variable("namespace", "Namespace", "nasfleet_search_running", "namespace"),
        Variable("search", "Search", 'nasfleet_search_running{namespace=~"$namespace"}', "search"),
        Variable("pool", "Pool", "nasfleet_slots", "pool"),
    ),
    rows=(NOW, WORK, TRAINERS, FAILURES),
)
