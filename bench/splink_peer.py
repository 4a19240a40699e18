"""The peer of the identity engine in `make bench`: a Splink model trained on the same normalized traits.

Usage: splink_peer.py TRAITS.csv PAIRS.csv

TRAITS.csv: unique_id, name, phone, mail, domain, street, number, postcode, city, country, vat. PAIRS.csv: one, other, weight
(log2 odds) of every pair above 0. Who may be joined is decided by the caller, under the same vetoes as ours.
"""

from __future__ import annotations

import sys

import splink.comparison_library as cl
from splink import ColumnExpression, Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI


def main(traits: str, pairs: str) -> None:
    """Train, predict, write."""
    api = DuckDBAPI()
    api.duckdb_con.execute(
        f"create table traits as select * from read_csv('{traits}', all_varchar = true, nullstr = '')"
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.96, 0.9, 0.8]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("phone").configure(term_frequency_adjustments=True),
            cl.ExactMatch("mail").configure(term_frequency_adjustments=True),
            cl.ExactMatch("domain").configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("street", [0.9]),
            cl.ExactMatch("number"),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
            cl.ExactMatch("country"),
            cl.ExactMatch("vat"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("name"),
            block_on("phone"),
            block_on("mail"),
            block_on("domain"),
            block_on("street", "number", "postcode"),
            block_on(ColumnExpression("name").substr(1, 5), "postcode"),
        ],
    )
    linker = Linker(api.register("traits"), settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("name", "phone"), block_on("vat")], recall=0.6
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=2_000_000, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("name"), record_sample_proportion=1.0)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("phone"), record_sample_proportion=1.0)
    found = linker.inference.predict(threshold_match_weight=0)
    api.duckdb_con.sql(
        f"copy (select unique_id_l as one, unique_id_r as other, match_weight as weight from {found.physical_name}) "
        f"to '{pairs}' (header)"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
