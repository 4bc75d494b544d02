"""Smart charging at work: profiles kept and followed, limits from outside, and what is told."""

from agent.services.smart_charging.service import SmartChargingService

__all__ = ["SmartChargingService"]
