"""How searches go: what they find, whether their policy learns, what that costs."""

from nasfleet_monitoring.panels import Dashboard, Kind, Panel, Row, Series, Variable

OF = 'namespace=~"$namespace", search=~"$search"'
BY = "by (namespace, search)"
EACH = "{{namespace}}/{{search}}"

BEST = f"max {BY} (nasfleet_reward_best{{{OF}}})"
AVERAGE = f"max {BY} (nasfleet_reward_average{{{OF}}})"

NOW = Row(
    "Now",
    (
        Panel(
            "Best reward",
            "none",
            "The best reward of a measured trial so far. To see its network: nasfleet get trials SEARCH --best 1.",
            (Series(BEST, EACH),),
            Kind.NUMBER,
        ),
        Panel(
            "Moving average",
            "none",
            "What the search proposes nowadays is worth this much: the moving average of the rewards, with decay 0.95.",
            (Series(AVERAGE, EACH),),
            Kind.NUMBER,
        ),
        Panel(
            "Trials in this time",
            "short",
            "Trials that were done for good in the time that is shown. If it stands still, look at Trials below.",
            (Series(f"sum {BY} (increase(nasfleet_trials_settled_total{{{OF}}}[$__range]))", EACH),),
            Kind.NUMBER,
        ),
        Panel(
            "Best of all searches",
            "none",
            "The ten searches of these namespaces with the best rewards, whichever are chosen above. Rewards can be compared "
            "only between searches with the same task and the same reward.",
            (Series('topk(10, max by (namespace, search) (nasfleet_reward_best{namespace=~"$namespace"}))', EACH),),
            Kind.TABLE,
        ),
        Panel(
            "Best network of each search",
            "none",
            "The number of the trial with the best reward so far: nasfleet export SEARCH/NUMBER has its network, and "
            "nasfleet get trials SEARCH --best 10 the next ones.",
            (Series(f"max {BY} (nasfleet_reward_best_trial{{{OF}}})", EACH),),
            Kind.TABLE,
        ),
    ),
)

REWARDS = Row(
    "Rewards",
    (
        Panel(
            "Best reward and moving average",
            "none",
            "The moving average rises while the policy learns; the best rises in steps and ever more rarely. If the average "
            "falls for long, the learning rate is too high or the rewards are too noisy: see seedsPerTrial.",
            (Series(BEST, f"{EACH} best"), Series(AVERAGE, f"{EACH} average")),
        ),
        Panel(
            "Distribution of rewards",
            "none",
            "How many trials got which reward. A policy that learns moves the crowd upwards and makes it narrower; a band at "
            "the failure reward is of networks that could not be trained.",
            (Series(f"sum by (le) (increase(nasfleet_reward_bucket{{{OF}}}[$__rate_interval]))", "{{le}}"),),
            Kind.HEATMAP,
        ),
        Panel(
            "Median and best tenth of the last hour",
            "none",
            "Half of the trials of the last hour had more than the median, one in ten more than the other line. Exact to a "
            "bucket, 0.05. If both lines meet, the search proposes one kind of network only.",
            tuple(
                Series(f"histogram_quantile({quantile}, sum by (namespace, search, le) (increase({metric}[1h])))", legend)
                for metric in [f"nasfleet_reward_bucket{{{OF}}}"]
                for quantile, legend in ((0.5, f"{EACH} median"), (0.9, f"{EACH} best tenth"))
            ),
        ),
    ),
)

LEARNING = Row(
    "Does it learn?",
    (
        Panel(
            "Learned since the first batch",
            "none",
            "The moving average less the mean reward of the first batch, which a policy wrote that knew nothing: random "
            "search, measured once on a few networks, so that the noise of one batch is in it. Above 0 it has learned. Empty "
            "for strategies without a policy, and where the first batch lies before the time that is shown.",
            (
                Series(
                    f"{AVERAGE} - max {BY} (last_over_time(nasfleet_policy_first_batch_reward{{{OF}}}[$__range]))",
                    EACH,
                ),
            ),
        ),
        Panel(
            "Ahead of the search that is compared with",
            "none",
            "The moving averages less that of the search chosen as Compare with. Run the same document with strategy: random "
            "beside it and choose that: it is the fairest mark, and costs as many trials. If the difference stays near 0 after "
            "hundreds of trials, random search is as good here; nasfleet compare says how sure that is.",
            (
                Series(
                    f"{AVERAGE} - on () group_left () "
                    'max(nasfleet_reward_average{namespace=~"$namespace", search="$compared"})',
                    EACH,
                ),
            ),
        ),
        Panel(
            "Baseline and batches",
            "none",
            "The mean reward of each batch, and the baseline that it is compared with. What lies above the baseline is made "
            "likelier. A baseline that lags far behind makes everything look good: lower baselineDecay.",
            (
                Series(f"max {BY} (nasfleet_policy_baseline_reward{{{OF}}})", f"{EACH} baseline"),
                Series(f"max {BY} (nasfleet_policy_batch_reward{{{OF}}})", f"{EACH} batch"),
            ),
        ),
        Panel(
            "Entropy of a decision",
            "suffix: nats",
            "How open the policy is, the mean over the decisions: for a choice among n it begins near ln n and falls as the "
            "policy makes up its mind. At 0 it proposes one network only. If it gets there while the best reward is poor, the "
            "policy has collapsed: begin anew with an entropyWeight or a smaller learning rate.",
            (Series(f"max {BY} (nasfleet_policy_entropy_nats{{{OF}}})", EACH),),
        ),
        Panel(
            "Norm of the gradient",
            "none",
            "Of the last update, before clipping. It shrinks as batches come close to the baseline. If it jumps again and "
            "again, set gradientClip.",
            (Series(f"max {BY} (nasfleet_policy_gradient_norm{{{OF}}})", EACH),),
        ),
        Panel(
            "Staleness",
            "suffix: updates",
            "Updates between the proposal of the last batch and the update that learned from it. It grows with parallelism "
            "over batchSize. If learning suffers, lower parallelism or set maxStaleness.",
            (Series(f"max {BY} (nasfleet_policy_staleness_updates{{{OF}}})", EACH),),
        ),
        Panel(
            "Updates per hour",
            "short",
            "How often the policy learned. None while batches are incomplete: one slow trial holds up its batch.",
            (Series(f"sum {BY} (rate(nasfleet_policy_updates_total{{{OF}}}[$__rate_interval])) * 3600", EACH),),
        ),
        Panel(
            "Duplicates",
            "percentunit",
            "Of the proposals of the last hour, the part that had been proposed before, in this spelling or another. It rises "
            "as the policy makes up its mind. If it is high and the best reward no longer moves, end the search, or spare what "
            "duplicates cost with duplicates: Reuse.",
            (
                Series(
                    f"sum {BY} (increase(nasfleet_trials_duplicate_total{{{OF}}}[1h])) "
                    f"/ sum {BY} (increase(nasfleet_trials_proposed_total{{{OF}}}[1h]))",
                    EACH,
                ),
            ),
            highest=1,
        ),
    ),
)

EFFORT = Row(
    "Trials",
    (
        Panel(
            "Trials per hour by outcome",
            "short",
            "Measured, given up with the failure reward (failed), or given up without one (lost). If many fail, see the kinds.",
            (
                Series(
                    f"sum by (outcome) (rate(nasfleet_trials_settled_total{{{OF}}}[$__rate_interval])) * 3600", "{{outcome}}"
                ),
            ),
            Kind.AREAS,
        ),
        Panel(
            "Failed attempts per hour by kind",
            "short",
            "lease_expired and returned are of trainers that were lost or left and cost another attempt; not_finite, "
            "out_of_memory, cannot_build and crashed are of the network. nasfleet logs TRIAL has the traceback.",
            (Series(f"sum by (kind) (rate(nasfleet_attempts_failed_total{{{OF}}}[$__rate_interval])) * 3600", "{{kind}}"),),
            Kind.AREAS,
        ),
        Panel(
            "Waiting, leased, in training",
            "short",
            "Where the open trials are. Many that wait and few in training: too few trainers suit this search. Nothing at all: "
            "it is suspended, or waits for its strategy.",
            (
                Series(f"sum(nasfleet_trials_queued{{{OF}}})", "waiting"),
                Series(f"sum(nasfleet_trials_in_flight{{{OF}}})", "leased"),
                Series(f"sum(nasfleet_children_in_training{{{OF}}})", "in training"),
            ),
        ),
        Panel(
            "Time of a trial in the last hour",
            "s",
            "Wall time of measured trials, as trainers measured it: half of them took less than the median, one in twenty more "
            "than the other line. If these are far apart, a few networks hold up the batches: see earlyStopping and "
            "trial.timeout.",
            tuple(
                Series(f"histogram_quantile({quantile}, sum by (namespace, search, le) (increase({metric}[1h])))", legend)
                for metric in [f"nasfleet_trial_seconds_bucket{{{OF}}}"]
                for quantile, legend in ((0.5, f"{EACH} median"), (0.95, f"{EACH} slowest"))
            ),
        ),
        Panel(
            "Time of an epoch in the last hour",
            "s",
            "Mean wall time of an epoch. It grows as the policy comes to like larger networks, or when trainers share "
            "processors.",
            (
                Series(
                    f"sum {BY} (rate(nasfleet_epoch_seconds_sum{{{OF}}}[1h])) "
                    f"/ sum {BY} (rate(nasfleet_epoch_seconds_count{{{OF}}}[1h]))",
                    EACH,
                ),
            ),
        ),
        Panel(
            "Trials that cost less, per hour",
            "short",
            "Those that got the reward of a twin without being trained, with duplicates: Reuse, and those that were stopped "
            "early, with earlyStopping. 0 where neither is set.",
            (
                Series(f"sum {BY} (rate(nasfleet_trials_reused_total{{{OF}}}[$__rate_interval])) * 3600", f"{EACH} reused"),
                Series(
                    f"sum {BY} (rate(nasfleet_trials_stopped_early_total{{{OF}}}[$__rate_interval])) * 3600",
                    f"{EACH} stopped early",
                ),
            ),
        ),
        Panel(
            "Epochs spared by early stopping",
            "percentunit",
            "Of the epochs that the trials of this time would have been trained for, the part that they were not.",
            (
                Series(
                    f"sum {BY} (increase(nasfleet_epochs_saved_total{{{OF}}}[$__range])) "
                    f"/ (sum {BY} (increase(nasfleet_epochs_saved_total{{{OF}}}[$__range])) "
                    f"+ sum {BY} (increase(nasfleet_epochs_total{{{OF}}}[$__range])))",
                    EACH,
                ),
            ),
            highest=1,
        ),
        Panel(
            "Trainers at work on it, the hour's mean",
            "short",
            "Trainer-hours per hour, of attempts that have ended, whatever came of them: what the search costs.",
            (Series(f"sum {BY} (rate(nasfleet_trainer_seconds_total{{{OF}}}[1h]))", EACH),),
        ),
    ),
)

SEARCH = Dashboard(
    uid="nasfleet-search",
    title="nasfleet / Search",
    description="How searches go: what they find, whether their policy learns, what that costs.",
    variables=(
        Variable("namespace", "Namespace", "nasfleet_search_running", "namespace"),
        Variable("search", "Search", 'nasfleet_search_running{namespace=~"$namespace"}', "search"),
        Variable("compared", "Compare with", 'nasfleet_search_running{namespace=~"$namespace"}', "search", several=False),
    ),
    rows=(NOW, REWARDS, LEARNING, EFFORT),
)
