"""A bank's card payments, made by code: customers, terminals, and three kinds of fraud whose cause is known.

The design follows the simulator of Le Borgne, Siblini, Lebichot and Bontempi 2022, "Reproducible Machine Learning for
Credit Card Fraud Detection: Practical Handbook", chapter 3: customers with habits pay at terminals near them; some
terminals are compromised for weeks, some cards are stolen for days. New here are what shops sell, the hour that thieves
prefer, numbers of cards that are tested with small sums, and thieves who change their habits.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

START = pd.Timestamp("2024-01-01")  # a Monday
WEEKS = 20
DAYS = 7 * WEEKS
FAVOURITES = 12  # terminals that a customer goes to
TURN = 100  # the day on which thieves turn to other shops
CAUSES = ("", "terminal", "stolen", "testing")
# What shops sell: the usual price, as a multiple of the customer's own, and whether it is sold online.
ONLINE = {
    **{"electronics": 4.0, "phones": 5.0, "gift cards": 1.5, "airline tickets": 6.0, "video games": 0.9},
    **{"clothes online": 1.6, "software": 1.8, "hotels": 4.5, "books online": 0.7, "streaming": 0.4, "donations": 0.6},
    **{"food delivery": 0.9, "insurance": 2.5, "concert tickets": 2.2, "web hosting": 0.8, "toys online": 1.1},
}
ON_SITE = {
    **{"groceries": 1.0, "fuel": 1.6, "restaurant": 1.2, "pharmacy": 0.6, "bakery": 0.25, "hairdresser": 1.1},
    **{"hardware store": 1.4, "clothes": 1.7, "shoes": 2.0, "jewellery": 5.0, "watches": 5.5, "cameras": 4.0},
    **{"perfume": 1.7, "bicycles": 3.5, "furniture": 5.0, "garden centre": 1.3, "cinema": 0.6, "parking": 0.2},
    **{"public transport": 0.25, "taxi": 0.7, "bar": 0.6, "tobacco": 0.4, "newsagent": 0.2, "kiosk": 0.2},
}
CATEGORIES = (*ONLINE, *ON_SITE)
PRICES = np.array([*ONLINE.values(), *ON_SITE.values()])
EASY_TO_RESELL = (
    *("electronics", "phones", "gift cards", "airline tickets", "video games", "concert tickets", "software"),
    *("jewellery", "watches", "cameras", "perfume", "bicycles", "shoes", "tobacco"),
)
TRIED = ("streaming", "donations", "web hosting", "books online")  # where numbers of cards are tested


@dataclass(frozen=True)
class Bank:
    """A bank's size and its customers' habits.

    Parameters
    ----------
    customers, terminals : int
        How many there are.
    a_day : float
        Payments of a customer a day, on average.
    amount : float
        Of a payment at the price 1.
    online : float
        The share of terminals that sell online.
    late : float
        Hours by which its customers' day is later than the other bank's.
    compromised, stolen, tested : float
        New cases a day: terminals, cards, numbers.
    """

    customers: int
    terminals: int
    a_day: float
    amount: float
    online: float
    late: float
    compromised: float
    stolen: float
    tested: float


BANKS = {
    "A": Bank(1600, 500, 1.2, 24.0, 0.40, 0.0, compromised=0.5, stolen=1.1, tested=1.2),
    "B": Bank(500, 160, 0.8, 14.0, 0.25, -1.0, compromised=0.12, stolen=0.28, tested=0.32),
}


@dataclass(frozen=True)
class Thieves:
    """What thieves buy before and after their turn, and when; they are the same for all banks."""

    shares: np.ndarray  # (2, categories)
    hours: np.ndarray  # (categories,)


def make_thieves(seed: int) -> Thieves:
    """Draw what the thieves of one world prefer: six categories that are easy to resell, two of them given up later."""
    random = np.random.default_rng([seed, 0])
    easy = random.permutation([CATEGORIES.index(name) for name in EASY_TO_RESELL])
    others = random.permutation(np.setdiff1d(np.arange(len(CATEGORIES)), easy))
    shares = np.full((2, len(CATEGORIES)), 0.15)
    for turn, chosen in enumerate(([*easy[:6], others[0]], [*easy[2:8], others[0]])):
        shares[turn, chosen] = random.uniform(8, 20, len(chosen))
    return Thieves(shares / shares.sum(1, keepdims=True), random.uniform(0, 24, len(CATEGORIES)))


def simulate(bank: str, seed: int) -> pd.DataFrame:
    """Make twenty weeks of a bank's payments.

    Parameters
    ----------
    bank : str
        A name in BANKS.
    seed : int
        Of a world: its thieves are the same for both banks.

    Returns
    -------
    DataFrame
        A row for each payment, in the order of `time`, with `customer`, `terminal`, `category`, `channel`, `amount`,
        `fraud` (bool), and its true `cause`: "", "terminal", "stolen" or "testing".
    """
    habits, thieves = BANKS[bank], make_thieves(seed)
    random = np.random.default_rng([seed, 1 + list(BANKS).index(bank)])
    place = random.uniform(size=(habits.terminals, 2))
    online = random.random(habits.terminals) < habits.online
    sells = np.where(
        online,
        random.integers(0, len(ONLINE), habits.terminals),
        random.integers(len(ONLINE), len(CATEGORIES), habits.terminals),
    )
    usual = habits.amount * random.lognormal(0, 0.4, habits.customers)
    honest = _honest(habits, usual, place, online, sells, random)
    parts = [
        honest,
        _stolen(habits, usual, online, sells, thieves, random),
        _tested(habits, usual, online, sells, thieves, random),
    ]
    table = pd.concat(parts, ignore_index=True)
    _compromise(table, habits, online, random)
    table["amount"] = table.amount.clip(0.5).round(2)
    table["category"] = pd.Categorical.from_codes(sells[table.terminal], CATEGORIES)
    near = np.where((table.amount < 50) & (random.random(len(table)) < 0.7), "contactless", "chip")
    table["channel"] = pd.Categorical(
        np.where(online[table.terminal], "online", near), ["chip", "contactless", "online"]
    )
    table["time"] = START + pd.to_timedelta((table.day * 86400).round().astype("int64"), unit="s")
    table["fraud"] = table.cause != ""
    table = table.sort_values("time", kind="stable", ignore_index=True)
    return table[["time", "customer", "terminal", "category", "channel", "amount", "fraud", "cause"]]


def _honest(
    habits: Bank,
    usual: np.ndarray,
    place: np.ndarray,
    online: np.ndarray,
    sells: np.ndarray,
    random: np.random.Generator,
) -> pd.DataFrame:
    """What customers pay: mostly at favourite terminals, which are near or online."""
    home = random.uniform(size=(habits.customers, 2))
    away = np.linalg.norm(home[:, None] - place, axis=2)
    liking = np.where(online, -1.5, -8 * away) + random.gumbel(size=away.shape)
    favourites = np.argsort(-liking, axis=1)[:, :FAVOURITES]
    counts = random.poisson(random.gamma(3, habits.a_day / 3, habits.customers) * DAYS)
    customer = np.repeat(np.arange(habits.customers), counts)
    chances = 1 / np.arange(1, FAVOURITES + 1)
    which = random.choice(FAVOURITES, len(customer), p=chances / chances.sum())
    terminal = favourites[customer, which]
    hour = (
        random.normal(13.5 + habits.late, 4.5, len(customer)) + random.normal(0, 2, habits.customers)[customer]
    ) % 24
    amount = usual[customer] * PRICES[sells[terminal]] * random.lognormal(0, 0.5, len(customer))
    day = random.integers(0, DAYS, len(customer)) + hour / 24
    return pd.DataFrame({"customer": customer, "terminal": terminal, "day": day, "amount": amount, "cause": ""})


def _stolen(
    habits: Bank,
    usual: np.ndarray,
    online: np.ndarray,
    sells: np.ndarray,
    thieves: Thieves,
    random: np.random.Generator,
) -> pd.DataFrame:
    """What thieves pay with stolen cards, for 3 to 14 days, on top of what the customer pays."""
    count = random.poisson(habits.stolen * DAYS)
    customers, first = random.integers(0, habits.customers, count), random.integers(0, DAYS, count)
    lasts = random.integers(3, 15, count)
    times = 1 + random.poisson(0.7 * lasts)
    customer = np.repeat(customers, times)
    days = np.repeat(first, times) + np.floor(random.random(len(customer)) * np.repeat(lasts, times))
    return _bought(customer, days, usual, sells, thieves, random, (1.2, 3.0), "stolen")


def _tested(
    habits: Bank,
    usual: np.ndarray,
    online: np.ndarray,
    sells: np.ndarray,
    thieves: Thieves,
    random: np.random.Generator,
) -> pd.DataFrame:
    """Numbers of cards that are tried with small sums online, ever more often, and used once the day after."""
    day = np.repeat(np.arange(DAYS), random.poisson(habits.tested * (0.4 + 1.2 * np.arange(DAYS) / DAYS)))
    customer = random.integers(0, habits.customers, len(day))
    shops = np.flatnonzero(online & np.isin(sells, [CATEGORIES.index(name) for name in TRIED]))
    shops = shops if len(shops) else np.flatnonzero(online)
    tries = random.integers(1, 4, len(day))
    hour = (random.normal(4, 1.5, tries.sum()) % 24) / 24
    small = pd.DataFrame(
        {
            "customer": np.repeat(customer, tries),
            "terminal": random.choice(shops, tries.sum()),
            "day": np.repeat(day, tries) + hour,
            "amount": random.uniform(0.5, 3, tries.sum()),
            "cause": "testing",
        }
    )
    used = _bought(customer, day + 1, usual, sells, thieves, random, (1.0, 2.0), "testing")
    return pd.concat([small, used], ignore_index=True)


def _bought(
    customer: np.ndarray,
    day: np.ndarray,
    usual: np.ndarray,
    sells: np.ndarray,
    thieves: Thieves,
    random: np.random.Generator,
    times: tuple[float, float],
    cause: str,
) -> pd.DataFrame:
    """What thieves buy on these days: what they prefer, at the hour that they prefer for it."""
    terminal = np.empty(len(customer), int)
    for turn in (0, 1):
        rows = (day >= TURN) == turn
        chances = thieves.shares[turn][sells]
        terminal[rows] = random.choice(len(sells), rows.sum(), p=chances / chances.sum())
    hour = random.normal(thieves.hours[sells[terminal]], 2.5) % 24
    amount = usual[customer] * PRICES[sells[terminal]] * random.lognormal(0, 0.4, len(customer))
    amount *= random.uniform(*times, len(customer))
    bought = pd.DataFrame(
        {"customer": customer, "terminal": terminal, "day": day + hour / 24, "amount": amount, "cause": cause}
    )
    return bought[bought.day < DAYS]


def _compromise(table: pd.DataFrame, habits: Bank, online: np.ndarray, random: np.random.Generator) -> None:
    """Turn a third of the payments at compromised terminals into fraud, for 10 to 28 days; nothing else tells them."""
    count = random.poisson(habits.compromised * DAYS)
    terminals = random.choice(np.flatnonzero(~online), count)
    first, lasts = random.integers(0, DAYS, count), random.integers(10, 29, count)
    terminal, day = table.terminal.to_numpy(), table.day.to_numpy()
    for number, begin, length in zip(terminals, first, lasts, strict=True):
        here = np.flatnonzero((terminal == number) & (day >= begin) & (day < begin + length) & (table.cause == ""))
        table.loc[here[random.random(len(here)) < 0.35], "cause"] = "terminal"
