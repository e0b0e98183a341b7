"""Opens pages of the documentation of aio-sys, in a directory, as wide as a desktop and as a phone.
The screenshots go to another directory."""

import pathlib
import sys

from browser import Browser, Driver

PAGES = [
    "index", "howto/index", "guide/index", "op/index", "raw/index", "abi/index", "tokio/index",
    "attr.syscall", "struct.Queue", "struct.Context", "enum.Abi", "trait.Arg",
]
# Where readers see that an item needs a feature.
LABELLED = {"tokio/index": "tokio", "attr.syscall": "macros", "enum.Abi": "all-abis"}
WIDTHS = {"desktop": 1280, "phone": 390}

documentation, pictures = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
mistakes = []

with Driver() as driver:
    for name, width in WIDTHS.items():
        with Browser(driver, width, 2000, phone=name == "phone") as browser:
            for page in PAGES:
                browser.open((documentation / f"{page}.html").as_uri())
                browser.picture(pictures / f"{page.replace('/index', '')}-{name}.png")
                wide = browser.run("return document.documentElement.scrollWidth")
                if wide > width:
                    mistakes.append(f"{page} is {wide} wide in a window of {width}")
                label = LABELLED.get(page)
                labels = browser.run("""
                    return [...document.querySelectorAll('main .item-info .portability')]
                      .map(element => element.innerText);""")
                if label and not any(f"feature {label}" in text for text in labels):
                    mistakes.append(f"{page} has no label for the feature {label}: {labels}")

for mistake in mistakes:
    print(mistake, file=sys.stderr)
if mistakes:
    sys.exit(f"{len(mistakes)} mistakes; screenshots are in {pictures}")
print(f"{len(PAGES)} pages are right at {len(WIDTHS)} widths; screenshots are in {pictures}")
