"""Logging, health, metrics and middleware for servers that people rely on."""

from mcp_server.production.health import (
    Degraded,
    HealthCheck,
    HealthChecker,
    HealthReport,
    HealthStatus,
    health_checker,
)
from mcp_server.production.logger import ProductionLogger, production_logger
from mcp_server.production.metrics import MetricError
from mcp_server.production.middleware import Middleware, ProductionMiddleware
from mcp_server.production.middleware_stack import MiddlewareStack, middleware_stack
from mcp_server.production.monitoring import MonitoringSystem, monitoring_system

__all__ = [
    "Degraded",
    "HealthCheck",
    "HealthChecker",
    "HealthReport",
    "HealthStatus",
    "MetricError",
    "Middleware",
    "MiddlewareStack",
    "MonitoringSystem",
    "ProductionLogger",
    "ProductionMiddleware",
    "health_checker",
    "middleware_stack",
    "monitoring_system",
    "production_logger",
]
