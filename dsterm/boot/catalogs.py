"""The catalog of a run: what is shipped, what was learned since, and the user's own file."""

from __future__ import annotations

from dsterm.boot.plan import LaunchPlan
from dsterm.llm.catalog import Catalog, load_catalog
from dsterm.store.paths import Paths
from dsterm.store.provider_notes import ProviderNotes


def open_catalog(plan: LaunchPlan, demo_url: str = "", *, with_probes: bool = True) -> tuple[Catalog, tuple[str, ...]]:
    """The catalog for `plan`, and a sentence for each kept file that is passed over. SettingsError, UsageError.

    An address that was given is that of the provider that was chosen at the start, no other's: else a choice of another
    provider would send that one's key there.
    """
    config = plan.config
    lists, probes, notices = provider_notes(plan.paths).read()
    catalog = load_catalog(
        plan.paths.catalog_file,
        base_url=config.base_url,
        demo_url=demo_url or (config.base_url if config.provider == "demo" else ""),
        provider=config.provider,
        fetched=lists,
        probed=probes if with_probes else (),
    )
    return catalog, notices


def provider_notes(paths: Paths) -> ProviderNotes:
    """Where what is learned about providers is kept."""
    return ProviderNotes(paths.model_lists, paths.probes)
