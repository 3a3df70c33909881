"""Dashboards as Grafana reads them: JSON that any Grafana from version 10 on takes, whatever its data source is called."""

from typing import Any

from nasfleet_monitoring.layout import Place, places
from nasfleet_monitoring.panels import Dashboard, Kind, Panel, Row, Series, Variable

SCHEMA_VERSION = 39  # Grafana 10.4; newer ones convert it when they load it
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
EVERYTHING = ".*"  # and not the list of all values: what has no such label, as trainers without a pool, is to be seen too


def to_json(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana's JSON; without an id, which each Grafana gives by itself."""
    return {
        "id": None,
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["nasfleet"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"title": "nasfleet", "type": "dashboards", "tags": ["nasfleet"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": [_source(), *map(_variable, dashboard.variables)]},
        "panels": [_placed(number, place) for number, place in enumerate(places(dashboard), start=1)],
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> dict[str, Any]:
    query = f"label_values({variable.metric}, {variable.label})"
    found: dict[str, Any] = {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": variable.name},
        "definition": query,
        "refresh": 2,  # whenever the time that is shown changes
        "sort": 1,
        "multi": variable.several,
        "includeAll": variable.several,
    }
    if variable.several:
        found |= {"allValue": EVERYTHING, "current": {"text": ["All"], "value": ["$__all"]}}
    return found


def _placed(number: int, place: Place) -> dict[str, Any]:
    position = {"x": place.x, "y": place.y, "w": place.width, "h": place.height}
    match place.shown:
        case Row(title=title):
            return {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": position}
        case Panel() as panel:
            return {"id": number, "gridPos": position} | _panel(panel)


def _panel(panel: Panel) -> dict[str, Any]:
    latest = panel.kind is Kind.TABLE
    return (
        {
            "title": panel.title,
            "description": panel.description,
            "datasource": SOURCE,
            "fieldConfig": {"defaults": _field(panel), "overrides": []},
            "targets": [_target(chr(ord("A") + number), series, panel.kind) for number, series in enumerate(panel.series)],
        }
        | _LOOKS[panel.kind]
        | ({"transformations": _LARGEST_FIRST} if latest else {})
    )


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": panel.unit}
    if panel.highest is not None:
        field |= {"min": 0, "max": panel.highest}
    if panel.kind is Kind.AREAS:
        field["custom"] = {"fillOpacity": 25, "stacking": {"mode": "normal", "group": "A"}}
    return field


def _target(reference: str, series: Series, kind: Kind) -> dict[str, Any]:
    latest = kind is Kind.TABLE
    return {
        "refId": reference,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": series.expression,
        "legendFormat": series.legend,
        "range": not latest,
        "instant": latest,
        "format": {Kind.HEATMAP: "heatmap", Kind.TABLE: "table"}.get(kind, "time_series"),
    }


_LINES = {
    "type": "timeseries",
    "options": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
}
_LOOKS: dict[Kind, dict[str, Any]] = {
    Kind.LINES: _LINES,
    Kind.AREAS: _LINES,
    Kind.HEATMAP: {
        "type": "heatmap",
        "options": {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Blues", "steps": 64},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": True},
            "yAxis": {"axisPlacement": "left"},
        },
    },
    Kind.NUMBER: {
        "type": "stat",
        "options": {
            "graphMode": "area",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "auto",
        },
    },
    Kind.TABLE: {"type": "table", "options": {"showHeader": True, "cellHeight": "sm"}},
}
_LARGEST_FIRST = [
    {"id": "organize", "options": {"excludeByName": {"Time": True}}},
    {"id": "sortBy", "options": {"sort": [{"field": "Value", "desc": True}]}},
]
