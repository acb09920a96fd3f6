"""Every figure of the course: drawn from plain data, readable without colour, shown with an alternative text."""

from course_utils.display.figures import show
from course_utils.plots.accuracy import (
    plot_confusion,
    plot_differences,
    plot_grid,
    plot_learning_curve,
    plot_probe_by_depth,
)
from course_utils.plots.boxes.images import plot_boxes
from course_utils.plots.costs import plot_freezing_costs
from course_utils.plots.decision import plot_decision
from course_utils.plots.federated.clients import plot_clients
from course_utils.plots.honest import plot_reported
from course_utils.plots.images import plot_images, plot_neighbours, plot_top_losses
from course_utils.plots.losses import plot_losses
from course_utils.plots.network import plot_feature_maps, plot_filters
from course_utils.plots.payments.alerts import plot_alerts
from course_utils.plots.schedules import plot_schedules
from course_utils.plots.shipping.reliability import plot_reliability
from course_utils.plots.sound.spectrograms import plot_spectrograms
from course_utils.plots.text.attributions import plot_attributions
from course_utils.plots.text.projection import plot_projection
from course_utils.plots.trade_off import plot_by_weights, plot_trade_off
from course_utils.plots.troubles import plot_detection
from course_utils.plots.tuning import plot_history, plot_importance, plot_parallel
from course_utils.plots.weights import plot_drift, plot_network
from course_utils.plots.writing.episodes import plot_episode

__all__ = [
    "plot_alerts",
    "plot_attributions",
    "plot_boxes",
    "plot_by_weights",
    "plot_clients",
    "plot_confusion",
    "plot_decision",
    "plot_detection",
    "plot_differences",
    "plot_drift",
    "plot_episode",
    "plot_feature_maps",
    "plot_filters",
    "plot_freezing_costs",
    "plot_grid",
    "plot_history",
    "plot_images",
    "plot_importance",
    "plot_learning_curve",
    "plot_losses",
    "plot_neighbours",
    "plot_network",
    "plot_parallel",
    "plot_probe_by_depth",
    "plot_projection",
    "plot_reliability",
    "plot_reported",
    "plot_schedules",
    "plot_spectrograms",
    "plot_top_losses",
    "plot_trade_off",
    "show",
]
