from pipeline.hot import Hot


def test_everyone_hears_each_value_in_the_order_in_which_they_subscribed() -> None:
    hot, heard = Hot[int](), list[str]()
    hot.subscribe(lambda value: heard.append(f"first {value}"))
    hot.subscribe(lambda value: heard.append(f"second {value}"))
    for value in (1, 2):
        hot.emit(value)
    assert heard == ["first 1", "second 1", "first 2", "second 2"]


def test_who_subscribes_late_hears_what_comes_then() -> None:
    hot, heard = Hot[int](), list[int]()
    hot.emit(1)
    hot.subscribe(heard.append)
    hot.emit(2)
    assert heard == [2]


def test_who_leaves_hears_nothing_more_and_the_others_do() -> None:
    hot, stays, leaves = Hot[int](), list[int](), list[int]()
    leaving = hot.subscribe(leaves.append)
    hot.subscribe(stays.append)
    hot.emit(1)
    leaving.dispose()
    hot.emit(2)
    assert (leaves, stays) == ([1], [1, 2])


def test_who_subscribes_while_a_value_is_handed_out_hears_the_next_one() -> None:
    hot, late = Hot[int](), list[int]()

    def join(value: int) -> None:
        if value == 1:
            hot.subscribe(late.append)

    hot.subscribe(join)
    for value in (1, 2):
        hot.emit(value)
    assert late == [2]


def test_a_value_for_nobody_is_lost() -> None:
    Hot[int]().emit(1)
