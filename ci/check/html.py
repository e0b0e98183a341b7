"""Drives chromium over the page in a directory, syscalls.html, and checks what it shows against
syscalls.tsv beside it."""

import pathlib
import sys
import time
import urllib.parse

from browser import Browser, Driver

ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"
RIGHT, BACKSPACE = "\ue014", "\ue003"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Page(Browser):
    """The page of system calls, in a browser."""

    def open(self, url):
        super().open(url)
        self.wait()

    def wait(self):
        """Waits until all rows are shown."""
        busy = "return document.getElementById('table').getAttribute('aria-busy')"
        for _ in range(100):
            if self.run(busy) == "false":
                return
            time.sleep(0.05)
        sys.exit("the table is not complete after 5 s")

    def type(self, text):
        """Types into the element that has the focus."""
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": keys}]})
        self.wait()

    def click(self, script):
        """Clicks, or taps, the element that the script returns."""
        self.post(f"/element/{self.run('return ' + script)[ELEMENT]}/click", {})
        self.wait()

    def check_details(self, *words):
        found = self.text("details") or ""
        missing = [word for word in words if word not in found]
        check(f"what is missing in the details {found!r}", missing, [])

    def hover(self, script):
        """Moves the pointer to the element that the script returns."""
        self.run(f"{script}.dispatchEvent(new MouseEvent('mouseover', {{ bubbles: true }}))")

    def choose(self, element, option):
        """Chooses the option with that text."""
        self.run(f"""
            const element = document.getElementById('{element}');
            element.value = [...element.options].find(found => found.text === '{option}').value;
            element.dispatchEvent(new Event('change', {{ bubbles: true }}));""")

    def filled(self):
        """The ABIs that have a number in the first row."""
        return set(self.run("""
            const abis = [...document.querySelectorAll('#head > *')].map(cell => cell.textContent);
            const cells = [...document.querySelector('#body tr').cells].slice(1);
            const filled = cells.filter(cell => /^[0-9]/.test(cell.textContent));
            return filled.map(cell => abis[cell.cellIndex]);"""))

    def check_contrasts(self):
        """The contrast of all text is at least 4.5 by WCAG 2."""
        ratios = self.run("""
            const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
            const linear = (part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
            const light = (colour) => {
              const [r, g, b] = parts(colour).map((part) => linear(part / 255));
              return .2126 * r + .7152 * g + .0722 * b;
            };
            const ground = (element) => {
              const colour = getComputedStyle(element).backgroundColor;
              const above = element.parentElement;
              return parts(colour)[3] === 0 && above ? ground(above) : colour;
            };
            const found = {};
            for (const element of document.querySelectorAll('body *')) {
              const own = [...element.childNodes].some(
                (node) => node.nodeType === 3 && node.data.trim());
              if (!own || !element.checkVisibility()) continue;
              const colour = getComputedStyle(element).color;
              const [low, high] = [light(colour), light(ground(element))].sort((a, b) => a - b);
              const style = element.tagName + ' ' + colour + ' on ' + ground(element);
              found[style] = Math.floor((high + .05) / (low + .05) * 10) / 10;
            }
            return found;""")
        check("styles of text", len(ratios) > 5, True)
        faint = {what: ratio for what, ratio in ratios.items() if ratio < 4.5}
        check("texts too faint to read", faint, {})

    def text(self, element):
        """The visible text of the element with that id; None if it is hidden."""
        return self.run(f"""
            const element = document.getElementById('{element}');
            return element.checkVisibility() ? element.innerText : null;""")

    def in_sight(self, script):
        """Whether nothing hides the middle of the element that the script returns."""
        return self.run(f"""
            const element = {script}, place = element.getBoundingClientRect();
            const middle = [place.x + place.width / 2, place.y + place.height / 2];
            return document.elementFromPoint(...middle) === element;""")

    def heads(self, part):
        return self.run(f"""
            const cells = [...document.querySelectorAll('#{part} th')];
            return cells.map(cell => cell.textContent);""")

    def names(self):
        return self.heads("body")

    def columns(self):
        return self.heads("head")

    def hits(self):
        """(ABI, name) of the marked cells."""
        return {tuple(hit) for hit in self.run("""
            const abis = [...document.querySelectorAll('#head > *')].map(cell => cell.textContent);
            return [...document.querySelectorAll('#body .hit')].map(
              cell => [abis[cell.cellIndex], cell.parentElement.cells[0].textContent]);""")}


checks = 0


def check(what, found, wanted):
    global checks
    checks += 1
    if found != wanted:
        sys.exit(f"{what}: {found!r}, and it should be {wanted!r}")


directory = pathlib.Path(sys.argv[1]).resolve()
page = (directory / "syscalls.html").as_uri()
rows = [line.split("\t") for line in (directory / "syscalls.tsv").read_text().splitlines()]
all_abis = list(dict.fromkeys(abi for abi, *_ in rows))
all_names = sorted({name for _, _, name, *_ in rows})


def having(number):
    return {(abi, name) for abi, found, name, *_ in rows if int(found) == number}


def having_by(name, since):
    return {abi for abi, _, found, _, _, first, _ in rows if (found, first) == (name, since)}


def cell(abi, name):
    return f"""(() => {{
      const heads = [...document.querySelectorAll('#head > *')];
      const rows = [...document.querySelectorAll('#body tr')];
      const column = heads.findIndex(cell => cell.textContent === '{abi}');
      const row = rows.find(row => row.cells[0].textContent === '{name}');
      return row.cells[column];
    }})()"""


with Driver() as driver:
    with Page(driver, 1440, 900) as browser:
        browser.open(page)
        check("ABIs", browser.columns(), all_abis)
        check("calls", browser.names(), all_names)
        table = browser.run("""
            const abis = [...document.querySelectorAll('#head > *')].map(cell => cell.textContent);
            const cells = [...document.querySelectorAll('#body td')];
            const filled = cells.filter(cell => /^[0-9]/.test(cell.textContent));
            return filled.map(cell => [
              abis[cell.cellIndex], cell.parentElement.cells[0].textContent,
              Number(cell.textContent)]);""")
        numbers = sorted((abi, name, int(number)) for abi, number, name, *_ in rows)
        check("numbers", sorted(map(tuple, table)), numbers)
        browser.check_contrasts()
        browser.picture(directory / "desktop.png")

        # The text in the address is searched for.
        browser.open(page + "#q=io_submit")
        check("calls of #q=io_submit", browser.names(), ["io_submit"])
        browser.open(page + "#q=209")
        check("cells of #q=209", browser.hits(), having(209))
        check("209 is io_submit on x86_64", ("x86_64", "io_submit") in browser.hits(), True)
        browser.check_contrasts()
        browser.picture(directory / "desktop-209.png")
        browser.open(page + "#q=0x40000220")
        check("cells of #q=0x40000220", browser.hits(), having(0x40000220))
        browser.open(page + "#q=sys_io_submit")
        check("calls of #q=sys_io_submit", browser.names(), ["io_submit"])

        # And typed text is put into the address, letter by letter.
        browser.open(page)
        browser.type("/")
        for typed in ["i", "o", "_", "s", "u"]:
            browser.type(typed)
        matching = [name for name in all_names if "io_su" in name]
        check("calls after typing io_su", browser.names(), matching)
        browser.type("bmit")
        check("calls after typing io_submit", browser.names(), ["io_submit"])
        check("the count", browser.text("count"), f"1 of {len(all_names)} calls")
        check("the address", browser.run("return location.hash"), "#q=io_submit")
        browser.type(BACKSPACE * len("io_submit"))
        check("calls after deleting", browser.names(), all_names)
        browser.type("209")
        check("cells after typing 209", browser.hits(), having(209))
        browser.type(BACKSPACE * 3 + "no such call")
        check("calls after nonsense", browser.names(), [])
        nothing = "No call has “no such call” in its name."
        check("a message instead", browser.text("nothing"), nothing)
        browser.type(BACKSPACE * len("no such call") + "<b>&\"'")
        nothing = "No call has “<b>&\"'” in its name."
        check("markup in the query", browser.text("nothing"), nothing)

        # Details, by pointer and by keys.
        browser.open(page + "#q=io_submit")
        browser.click(cell("x32", "io_submit"))
        browser.check_details("io_submit on x32", "0x40000220", "compat_sys_io_submit")
        browser.type(ESCAPE)
        check("details after Escape", browser.text("details"), None)
        browser.open(page + "#q=io_getevents")
        browser.type("/" + TAB * 3 + RIGHT * (1 + all_abis.index("riscv32")) + ENTER)
        browser.check_details("io_getevents on riscv32", "32-bit time", "io_pgetevents_time64")
        browser.check_contrasts()
        browser.picture(directory / "desktop-details.png")
        outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
        check("the focus is seen", outline, "solid")

        # A kernel's release hides calls that it does not have; hovering and clicking show since
        # when.
        browser.open(page + "#linux=5.5")
        shown = browser.names()
        check("openat2 in 5.5", ["openat2" in shown, "clone3" in shown], [False, True])
        browser.open(page + "#q=openat2&linux=5.10")
        check("columns of openat2 in 5.10", browser.filled(), having_by("openat2", "5.6"))
        browser.hover(cell("x86_64", "openat2"))
        title = browser.run("return " + cell("x86_64", "openat2") + ".title")
        check("since, on hover", "since: Linux 5.6" in title, True)
        browser.click(cell("x86_64", "openat2"))
        browser.check_details("openat2 on x86_64", "since", "Linux 5.6")
        browser.choose("kernel", "5.5")
        check("calls of openat2 in 5.5", browser.names(), [])
        check("the address with 5.5", browser.run("return location.hash"), "#q=openat2&linux=5.5")
        browser.choose("kernel", "any")
        check("calls of openat2 in any", browser.names(), ["openat2"])
        browser.open(page + "#q=read&linux=2.6.12")
        browser.click(cell("i386", "read"))
        browser.check_details("read on i386", "Linux 2.6.12 or earlier")
        browser.open(page + "#q=cachestat&linux=6.6")
        check("loongarch32 in 6.6", "loongarch32" in browser.filled(), False)
        # Calls that the tables do not have any more.
        check("ia64 in 6.6", "ia64" in browser.filled(), True)
        browser.open(page + "#q=timerfd&linux=2.6.24")
        check("calls of timerfd in 2.6.24", browser.names(), ["timerfd"])
        browser.click(cell("i386", "timerfd"))
        browser.check_details("timerfd on i386", "322", "Linux 2.6.24, gone by 2.6.28")
        browser.check_contrasts()
        browser.picture(directory / "desktop-linux.png")

        # The head and the names do not scroll.
        where = """
            const where = (found) => document.querySelector(found).getBoundingClientRect();
            return [where('#head th').top, where('#body th').left];"""
        browser.open(page)
        before = browser.run(where)
        browser.run("document.getElementById('scroller').scrollTo(700, 3000)")
        check("head and names after scrolling", browser.run(where), before)
        scrolled = browser.run("return [scroller.scrollLeft > 0, scroller.scrollTop]")
        check("it scrolled", scrolled, [True, 3000])

        # Each letter is handled before the next is typed; the time is printed, since hosts differ.
        slowest = browser.run("""
            const times = [];
            const field = document.getElementById('query');
            for (const text of ['i', 'io', 'io_', 'io', 'i', '', '2', '20', '209', '']) {
              const from = performance.now();
              field.value = text;
              field.dispatchEvent(new Event('input'));
              document.body.offsetHeight;
              times.push(performance.now() - from);
            }
            return Math.max(...times);""")
        print(f"slowest answer to a letter: {slowest:.0f} ms", file=sys.stderr)

    with Page(driver, 1440, 900, dark=True) as browser:
        browser.open(page + "#q=209")
        browser.check_contrasts()
        browser.picture(directory / "desktop-dark.png")

    with Page(driver, 390, 844, phone=True) as browser:
        browser.open(page)
        fits = "return [document.documentElement.scrollWidth <= innerWidth, innerWidth]"
        check("the page is as wide as the phone", browser.run(fits), [True, 390])
        check("columns on a phone are fewer", 3 <= len(browser.columns()) < 10, True)
        browser.picture(directory / "phone.png")
        browser.open(page + "#q=0x40000220")
        check("a number is found in hidden columns", browser.hits(), having(0x40000220))
        browser.open(page + "#q=209")
        check("cells of #q=209 on a phone", browser.hits(), having(209))
        check("209 is in sight on x86_64", browser.in_sight(cell("x86_64", "io_submit")), True)
        browser.picture(directory / "phone-209.png")
        browser.open(page + "#q=1238&abi=x86_64,i386,arm,aarch64,riscv64,s390x")
        check("the first hit is in sight", browser.in_sight(cell("ia64", "io_setup")), True)
        browser.open(page)
        browser.click("document.querySelector('#chooser summary')")
        browser.picture(directory / "phone-abis.png")
        browser.click("document.querySelector('[data-choose=\"all\"]')")
        check("all columns on a phone", browser.columns(), all_abis)
        browser.open(page + "#q=arc_gettls&abi=x86_64,s390x")
        check("a call of other ABIs alone", browser.text("body"), "arc_gettls\tonly arc")
        browser.open(page + "#q=io_submit&abi=x86_64,s390x")
        check("columns of the address", browser.columns(), ["x86_64", "s390x"])
        browser.click(cell("x86_64", "io_submit").replace("row.cells[column]", "row.cells[0]"))
        browser.check_details("209", "x86_64", "mips-n64")
        browser.picture(directory / "phone-details.png")

    with Page(driver, 390, 844, phone=True, dark=True) as browser:
        browser.open(page + "#q=io_")
        browser.check_contrasts()
        browser.picture(directory / "phone-dark.png")

    # The same page with names that are markup.
    with Page(driver, 800, 600) as browser:
        browser.open((directory / "markup.html").as_uri() + "#q=" + urllib.parse.quote("</script>"))
        check("a name that is markup", browser.names(), ["</script><img src=x onerror=boom()>"])
        browser.click(cell("xtensa", "</script><img src=x onerror=boom()>"))
        browser.check_details("<b>sys_setup</b>")

print(f"{checks} checks of the page passed; screenshots are in {directory}", file=sys.stderr)
