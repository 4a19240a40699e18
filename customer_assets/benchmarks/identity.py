"""How well and how fast customers are told apart: B-cubed figures on labelled invoices, beside Splink on the same traits.

The labelled sets are made by `bench/labelled_invoices.py` and, from another idea of how records go wrong, by
`bench/labelled_invoices_other.py`; one of the user's own is named with `--identity-sample`.
Splink replaces the declared weights and nothing else: normalization, certain keys, vetoes and union are the same.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from customer_assets.benchmarks.measured import run_measured
from customer_assets.domain.identity.contact_details import phone_tail
from customer_assets.domain.identity.evidence import Key, Profile, differ
from customer_assets.domain.identity.resolution import Decisions, resolve
from customer_assets.pipeline.identity.dedupe import read_profiles
from customer_assets.settings import project_root

ROWS_PER_CUSTOMER = 8
SEEDS = (971, 972, 973, 974, 975)
ROWS_OF_A_SEED = 20_000
T_OF_FIVE = 2.776  # of Student's distribution: 95 %, both sides, five values
NEVER = 1e9  # a threshold that nothing reaches
Row = tuple[str, str, str, str, str]
Assignment = Mapping[str, str]  # id of a row -> key of a customer


@dataclass(frozen=True)
class Quality:
    """How far an assignment is the true one.

    Attributes:
        precision, recall: B-cubed, over rows.
        merged: share of true customers that share a key with another one.
        exact: share of true customers that have all their rows and no other under one key.
    """

    precision: float
    recall: float
    merged: float
    exact: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / (self.precision + self.recall)

    def __str__(self) -> str:
        return (
            f"P {self.precision:.4f} R {self.recall:.4f} F1 {self.f1:.4f}, "
            f"wrongly merged {self.merged:.2%}, exact {self.exact:.1%}"
        )


def quality(truth: Assignment, found: Assignment) -> Quality:
    """Score an assignment; rows without a true customer are left out."""
    true, mine = Counter(truth.values()), Counter(found[row] for row in truth)
    both = Counter((customer, found[row]) for row, customer in truth.items())
    held: dict[str, set[str]] = defaultdict(set)
    for customer, key in both:
        held[key].add(customer)
    merged = set().union(*(customers for customers in held.values() if len(customers) > 1))
    return Quality(
        sum(n * n / mine[key] for (_, key), n in both.items()) / len(truth),
        sum(n * n / true[customer] for (customer, _), n in both.items()) / len(truth),
        len(merged) / len(true),
        sum(n == true[customer] == mine[key] for (customer, key), n in both.items()) / len(true),
    )


def bench_identity(rows: int, sample: Path | None, *, say: Callable[[str], None]) -> list[Row]:
    """All measurements: (scenario, measure, ours, Splink's, ratio), as text.

    Args:
        rows: of the labelled set that is made.
        sample: folder with invoices.csv and truth.csv, and perhaps contacts.csv and truth_contacts.csv.
        say: told what is being measured.
    """
    with tempfile.TemporaryDirectory(prefix="ca_bench_") as folder:
        made, truth = Path(folder) / "made.csv", Path(folder) / "truth.csv"
        script = project_root() / "bench/labelled_invoices.py"
        run_measured([sys.executable, script, rows // ROWS_PER_CUSTOMER, rows, 11, made, truth])
        found = _scored(f"identity, {rows:,} made", made, truth, Path(folder), say)
        other = Path(folder) / "other"
        script = project_root() / "bench/labelled_invoices_other.py"
        run_measured([sys.executable, script, rows // ROWS_PER_CUSTOMER, rows, 11, other])
        found += _scored(
            f"identity, {rows:,} made otherwise", other / "invoices.csv", other / "truth.csv", Path(folder), say
        )
        found += _over_seeds(Path(folder), say)
        for name, labels in (("invoices", "truth"), ("contacts", "truth_contacts")):
            if sample is not None and (sample / f"{name}.csv").exists():
                found += _scored(
                    f"identity, {name}", sample / f"{name}.csv", sample / f"{labels}.csv", Path(folder), say
                )
    return found


def _over_seeds(folder: Path, say: Callable[[str], None]) -> list[Row]:
    """Means over files that nothing was tuned on, with 95 % intervals."""
    found: list[Row] = []
    for maker in ("labelled_invoices", "labelled_invoices_other"):
        scenario = f"identity, {maker}, {len(SEEDS)} seeds of {ROWS_OF_A_SEED:,} rows"
        say(scenario)
        scores: list[Quality] = []
        for seed in SEEDS:
            at = folder / f"{maker}{seed}"
            at.mkdir()
            made, truth = at / "invoices.csv", at / "truth.csv"
            into = [made, truth] if maker == "labelled_invoices" else [at]
            script = project_root() / f"bench/{maker}.py"
            run_measured([sys.executable, script, ROWS_OF_A_SEED // ROWS_PER_CUSTOMER, ROWS_OF_A_SEED, seed, *into])
            run_measured([sys.executable, "-m", "customer_assets", "dedupe", made, "--out", at / "out.csv"])
            scores.append(quality(_true_customers(truth), _read_assignment(at / "out.csv")))
        for measure, values in (
            ("B-cubed F1", [one.f1 for one in scores]),
            ("wrongly merged", [one.merged for one in scores]),
            ("exactly right", [one.exact for one in scores]),
        ):
            found.append((scenario, measure, _with_interval(values), "", ""))
    return found


def _with_interval(values: Sequence[float]) -> str:
    """A mean, and how far from it the true one is at most, in 95 of 100 cases (Student's t)."""
    return f"{mean(values):.4f} ± {T_OF_FIVE * stdev(values) / len(values) ** 0.5:.4f}"


def _scored(scenario: str, path: Path, truth_path: Path, folder: Path, say: Callable[[str], None]) -> list[Row]:
    say(scenario)
    truth = _true_customers(truth_path)
    out, shuffled_out = folder / "out.csv", folder / "shuffled_out.csv"
    cost = run_measured([sys.executable, "-m", "customer_assets", "dedupe", path, "--out", out])
    shuffled = _shuffled(path, folder / "shuffled.csv")
    run_measured([sys.executable, "-m", "customer_assets", "dedupe", shuffled, "--out", shuffled_out])
    mine, again = _read_assignment(out), _read_assignment(shuffled_out)
    customers = len(set(truth.values()))
    ids, profiles, _ = read_profiles(path)
    answered, reviews = _answered(ids, profiles, truth)
    found = [
        (scenario, "quality without review", str(quality(truth, mine)), "", ""),
        (scenario, "quality after the reviews", str(quality(truth, answered)), "", ""),
        (scenario, "reviews per 100 customers", f"{100 * reviews / customers:.1f}", "", ""),
        (
            scenario,
            "customers changed on a shuffled file",
            str(sum(again[i] != mine[i] for i in mine)),
            "",
            "",
        ),
        (scenario, "wall s", f"{cost.wall:.1f}", "", ""),
        (scenario, "CPU s", f"{cost.cpu:.1f}", "", ""),
        (scenario, "peak memory MB", f"{cost.memory / 1e6:.0f}", "", ""),
    ]
    python = project_root() / ".venv-bench/bin/python"
    if python.exists():
        say(f"{scenario}: Splink")
        found += _beside_splink(scenario, python, ids, profiles, truth, folder)
    return found


def _answered(ids: Sequence[str], profiles: Sequence[Profile], truth: Assignment) -> tuple[Assignment, int]:
    """The assignment once somebody who knows has answered what was asked, and how much that was."""
    of = {profile.key: row for profile, row in zip(profiles, ids, strict=True)}
    first = resolve(profiles, is_all=True)
    same: set[tuple[Key, Key]] = set()
    different: set[tuple[Key, Key]] = set()
    for review in first.reviews:
        one, other = truth.get(of[review.one]), truth.get(of[review.other])
        pair = (min(review.one, review.other), max(review.one, review.other))
        (same if one is not None and one == other else different).add(pair)
    second = resolve(profiles, decisions=Decisions(frozenset(same), frozenset(different)), is_all=True)
    return {of[key]: str(customer) for key, customer in second.of.items()}, len(first.reviews)


def _beside_splink(
    scenario: str, python: Path, ids: Sequence[str], profiles: Sequence[Profile], truth: Assignment, folder: Path
) -> list[Row]:
    """Splink's weights in place of ours, at the threshold that serves them best and at the one that merges least."""
    numbers = _write_traits(folder / "traits.csv", profiles)
    cost = run_measured([python, project_root() / "bench/splink_peer.py", folder / "traits.csv", folder / "pairs.csv"])
    with (folder / "pairs.csv").open(newline="", encoding="utf-8") as file:
        pairs = sorted(
            ((float(r["weight"]), int(r["one"]), int(r["other"])) for r in csv.DictReader(file)), reverse=True
        )
    certain = resolve(profiles, accept=NEVER, review=NEVER)
    base = {profile.key: certain.of[profile.key] for profile in profiles}
    found = []
    for threshold in (2, 5, 8, 12, 16, 20, 25, 30):
        joined = _joined(profiles, base, numbers, [pair for pair in pairs if pair[0] >= threshold])
        found.append(quality(truth, {row: str(joined[p.key]) for row, p in zip(ids, profiles, strict=True)}))
    best = max(found, key=lambda q: q.f1)
    return [
        (scenario, "Splink's weights at their best F1", "", str(best), ""),
        (scenario, "Splink's weights merging least", "", str(min(found, key=lambda q: q.merged)), ""),
        (scenario, "Splink alone, wall s", "", f"{cost.wall:.1f}", ""),
        (scenario, "Splink alone, peak memory MB", "", f"{cost.memory / 1e6:.0f}", ""),
    ]


def _write_traits(path: Path, profiles: Sequence[Profile]) -> dict[Key, int]:
    """One row of each combination of traits and VAT id; returns the number of each record's."""
    numbers: dict[object, int] = {}
    of: dict[Key, int] = {}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["unique_id", "name", "phone", "mail", "domain", "street", "number", "postcode", "city", "country", "vat"]
        )
        for profile in profiles:
            said, at = profile.traits, profile.traits.address
            number = of[profile.key] = numbers.setdefault((said, profile.vat), len(numbers))
            if number == len(numbers) - 1:
                place = [at.street, at.number, at.postcode, at.city] if at else [""] * 4
                vat = profile.vat.partition(":")[2] if profile.vat else said.vat_typo
                writer.writerow(
                    [
                        number,
                        said.name.key if said.name else "",
                        phone_tail(said.phones[0]) if said.phones else "",
                        said.mails[0] if said.mails else "",
                        min(said.domains, default=""),
                        *place,
                        said.country,
                        vat,
                    ]
                )
    return of


def _joined(
    profiles: Sequence[Profile],
    base: Mapping[Key, Key],
    numbers: Mapping[Key, int],
    pairs: Sequence[tuple[float, int, int]],
) -> dict[Key, Key]:
    """Join clusters of certain keys along pairs of traits, the surest first, never two valid VAT ids."""
    parent: dict[Key, Key] = {}
    vats: dict[Key, set[str]] = defaultdict(set)
    having: dict[int, set[Key]] = defaultdict(set)
    for profile in profiles:
        if profile.vat:
            vats[base[profile.key]].add(profile.vat)
        having[numbers[profile.key]].add(base[profile.key])

    def root(key: Key) -> Key:
        while (above := parent.get(key, key)) != key:
            key = above
        return key

    for _, one, other in pairs:
        for left in having[one]:
            for right in having[other]:
                here, there = sorted((root(left), root(right)))
                if here != there and not any(differ(a, b) for a in vats[here] for b in vats[there]):
                    parent[there] = here
                    vats[here] |= vats[there]
    return {key: root(cluster) for key, cluster in base.items()}


def _shuffled(path: Path, out: Path) -> Path:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    random.Random(5).shuffle(rows)  # noqa: S311 (the same order each time)
    with out.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return out


def _true_customers(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row: customer for row, customer, *_ in list(csv.reader(file))[1:] if customer}


def _read_assignment(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row["customer_key"] for row in csv.DictReader(file)}
