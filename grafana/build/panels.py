"""The kinds of panels, each as it looks on all dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import barchart, common, heatmap, stat, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.text import TextMode

Target = Builder[Dataquery]
VERDICTS = {"critical": "red", "warning": "orange", "insufficient_data": "#8e8e8e", "ok": "green"}
MAY_BE_EMPTY = "driftline: may be empty"
"""In a panel's description: nothing to see there is no fault."""
_THIN = [DynamicConfigValue("custom.lineWidth", 1), DynamicConfigValue("custom.lineStyle", {"fill": "dash"})]
_DOTS = [DynamicConfigValue("custom.lineStyle", {"fill": "dot"})]


def words(markdown: str) -> Panel:
    """A text."""
    return text.Panel().mode(TextMode.MARKDOWN).content(markdown).transparent(True).build()


def lines(title: str, description: str, *targets: Target, unit: str = "short", least: float | None = None) -> Panel:
    """Series over time; those called lower, upper and reference are dashed, estimates dotted."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .targets(list(targets))
        .unit(unit)
        .line_width(2)
        .point_size(4)
        .show_points(VisibilityMode.AUTO)
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .override_by_regexp("/ (lower|upper|reference)$/", _THIN)
        .override_by_regexp("/ estimated$/", _DOTS)
    )
    return (panel if least is None else panel.min(least)).build()


def verdicts(title: str, description: str, target: Target) -> Panel:
    """Stacked bars over time, in the colours of verdicts."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .targets([target])
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
        .min(0)
        .legend(_legend())
    )
    for verdict, colour in VERDICTS.items():
        panel = panel.override_by_name(verdict, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})])
    return panel.build()


def heat(title: str, description: str, target: Target, *, scheme: str = "Reds", steps: int = 30) -> Panel:
    """A row for each series, a cell for each of at most so many steps in time, darker where the value is larger."""
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .targets([target])
        .max_data_points(steps)
        .calculate(False)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme(scheme).steps(64))
        .cell_gap(1)
        .show_legend()
        .build()
    )


def grid(
    title: str,
    description: str,
    target: Target,
    columns: Mapping[str, str],
    *,
    properties: Mapping[str, Mapping[str, Any]] | None = None,
    transformations: Sequence[DataTransformerConfig] = (),
    latest_by: str | None = None,
) -> Panel:
    """A table.

    Args:
        title: Its title.
        description: What it says.
        target: Its rows.
        columns: From the names that Grafana gives columns to those shown, in this order; where it is empty, they stay.
        properties: How columns look, by the name shown.
        transformations: What is done before columns are renamed.
        latest_by: The column, by the name shown, whose largest value comes first; else the order is that of the target.
    """
    panel = table.Panel().title(title).description(description).targets([target]).filterable(True)
    renamed = _organize(columns) if columns else ()
    panel = panel.transformations([*transformations, *renamed])
    if latest_by is not None:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(latest_by).desc(True)])
    for column, values in (properties or {}).items():
        panel = panel.override_by_name(column, [DynamicConfigValue(name, value) for name, value in values.items()])
    return panel.build()


def number(
    title: str,
    description: str,
    target: Target,
    *,
    red: float,
    total: bool,
    unit: str = "short",
    back: str | None = None,
) -> Panel:
    """One number.

    Args:
        title: Its title.
        description: What it says.
        target: Where it comes from.
        red: From which value on it is red.
        total: Whether to add up what comes in steps over time; else the last is shown.
        unit: Grafana's name of its unit.
        back: How far back to look instead of the time range, such as `5y`; absolute time ranges stay as they are.
    """
    steps = [Threshold(value=None, color="green"), Threshold(value=red, color="red")]
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .targets([target])
        .unit(unit)
        .no_value("none")
        .reduce_options(common.ReduceDataOptions().calcs(["sum" if total else "lastNotNull"]))
        .color_scheme(build.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )
    return (panel if back is None else panel.time_from(back)).build()


def bars(title: str, description: str, target: Target, columns: Mapping[str, str], *, unit: str) -> Panel:
    """Bars side by side, a group for each row of a table; the first column names the groups."""
    return (
        barchart.Panel()
        .title(title)
        .description(description)
        .targets([target])
        .unit(unit)
        .x_field(next(iter(columns.values())))
        .x_tick_label_max_length(24)
        .line_width(1)
        .fill_opacity(80)
        .transformations(list(_organize(columns)))
        .legend(_legend())
        .build()
    )


def _organize(columns: Mapping[str, str]) -> tuple[DataTransformerConfig, ...]:
    order = {name: position for position, name in enumerate(columns)}
    options = {"renameByName": dict(columns), "indexByName": order, "excludeByName": {}}
    return (DataTransformerConfig(id_val="organize", options=options),)


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    return legend.show_legend(True)
