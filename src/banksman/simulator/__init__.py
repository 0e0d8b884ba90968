"""WhatsApp stand-in for development and tests: the Graph API it offers, and a chat page that is the phone."""

from banksman.simulator.behaviour import Behaviour, SendFault
from banksman.simulator.people import Person
from banksman.simulator.simulator import Simulator

__all__ = ["Behaviour", "Person", "SendFault", "Simulator"]
