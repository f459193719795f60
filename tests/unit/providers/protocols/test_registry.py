from providers import catalog
from providers.protocols.openai.quirks import Quirk
from providers.protocols.registry import PROTOCOLS

VENDORS = catalog.builtin().vendors.values()


def test_every_vendor_speaks_a_protocol_that_exists() -> None:
    assert {vendor.protocol for vendor in VENDORS} == PROTOCOLS.keys()


def test_every_quirk_is_one_of_its_protocol() -> None:
    quirks = {
        protocol: {
            quirk
            for vendor in VENDORS
            if vendor.protocol == protocol
            for quirk in vendor.quirks | vendor.model_quirks.keys()
        }
        for protocol in PROTOCOLS
    }

    assert quirks["openai"] <= set(Quirk)
    assert quirks["echo"] == set()
