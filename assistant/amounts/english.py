"""English, as people write and say it to a bill: "pmt of 50", "a buck fifty", "make it forty-two fifty"."""

from __future__ import annotations

from decimal import Decimal

from assistant.amounts.lexicon import Lexicon, misspellings, one_slip_away, phrases, spoken_digits, words

_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TEENS = "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_REAL_WORDS = words(
    """
        dollar thirst thirsty party forth forte sixth eighth eighths fifth fifths ninth tenth thirteenth fourteenth
        fifteenth sixteenth seventeenth eighteenth nineteenth twelfth nifty ninety sixties fifties weighty twelve
        dirty shirty sixteen umpteen canteen hundred eighty velvety twenties thirties forties millions seventh
        eleventh thousandth hundredth forty fifties nineties eighties
        """
)

_NUMBERS = words(
    f"""
        zero one two three four five six seven eight nine ten {_TEENS} {_TENS} hundred thousand million
        """
)

ENGLISH = Lexicon(
    language="en",
    decimal_comma=False,
    numbers=_NUMBERS,
    digits=spoken_digits("zero one two three four five six seven eight nine", oh="0", o="0"),
    oh=words("oh o zero nought naught"),
    point=words("point dot decimal"),
    linkers=words("and n &"),
    articles=words("a an one"),
    half=words("half"),
    quarter=words("quarter"),
    units={
        **dict.fromkeys(words("dollar dollars buck bucks loonie loonies smackers"), Decimal(1)),
        **dict.fromkeys(words("toonie toonies"), Decimal(2)),
        **dict.fromkeys(words("penny pennies"), Decimal("0.01")),
    },
    cents=words("cent cents ¢"),
    minus=words("minus negative"),
    typos=misspellings(
        """
        zero: nought naught zeros
        fifty: fivty fivety fiddy fitty fify fity
        forty: fourty fourthy
        fourteen: forteen
        ninety: ninty nintey
        twenty: twenny
        hundred: hunned hunnid hundo hundreds hundert
        thousand: thou tousand thousands
        million: mil millions
        bucks: bux
        dollars: dollas dolars dollors dollers
        dollar: dolar dollor doller
        seventy: senty
        sixty: sicksty
        dozen: dozens
        plus: pluss
        """
    ),
    starters=words(
        """
        and but so then because yes no yeah yep yup yea nope ok okay k sure fine alright right hi hello hey please
        pls plz now actually sorry hmm um uh er erm oops instead thanks just only maybe perhaps cool great well
        rather perfect good if today anyway oh ah like wait
        """
    ),
    anchors=words(
        """
        how what split divide leave leaving hold pay paying pays paid payment payments pmt pymt make making put
        putting send sending give giving gimme take taking apply applying settle throw toss contribute spend afford
        manage do doing want wanna wanted need like say said says saying mean meant for me off down transfer submit
        deposit chip cover cut process bill debit remit set enter entered type typed wrote let's lets amount total
        deduct withdraw shoot offer propose part partial partially have got id i'd i'll ill equals exactly its it's
        that's thats minus less except pau py pya keep knock drop swing budget limit max maximum minimum least most
        over under above below plus add extra deposit installment instalment approve authorize authorise confirm
        handle spare scrape cost costs worth owe owes owed owing due hand
        """
    ),
    card_verbs=words("use using try charge charging prefer go going with"),
    pronouns=words("it this that them him me off down you u up"),
    transparent=words(
        """
        either about around roughly approximately approx just only maybe perhaps exactly a an the my another er um
        uh euh erm please even full like say something total sum your really precisely simply merely whole mere lets
        let's be nearly almost
        """
    ),
    definite=words("the"),
    copulas=words("is was be are will would should = being were"),
    subjects=words(
        """
        most do amount payment it that this total sum bill balance figure budget offer limit max maximum price cost
        what charge fee all installment instalment deposit minimum pmt one half answer payments
        """
    ),
    identifiers=words(
        """
        pin number numbers num # code account accounts acct acc card cards visa mastercard amex zip postal ssn sin
        social phone cell mobile telephone id policy dob birth born birthday birthdate address street digits ending
        ends ref reference confirmation order ticket cc cvv cvc security username password member zipcode postcode
        area age
        """
    ),
    of=words("of"),
    to=words("to"),
    at=words("at"),
    with_=words("with"),
    at_verbs=words(
        """
        keep leave cap set put make limit stop hold stay max keeping capping leaving
        """
    ),
    with_verbs=words("ahead start begin go stick starting stay proceed begins"),
    change_verbs=words(
        """
        round rounding change make lower raise reduce increase drop cut adjust update switch bring edit modify
        correct bump set amount payment changed changing move knock limit
        """
    ),
    between=words("between"),
    alternatives=words("or"),
    followers=words(
        """
        anyway anyways regardless till til back behind unpaid please pls plz now today tonight tomorrow on onto
        toward towards to with from for using by via and but then thanks thank thx ty instead if though this right
        off max maximum minimum only or ish maybe at as into not no yes yeah ok okay will would should works work i
        i'd i'll id that's thats it's its because so through against down sir madam total altogether flat even
        exactly first tops out btw lol great good perfect here straight until before after while which before what
        how can could do go just again ma'am maam buddy rather except less minus plus when over however since like
        between too also sharp worth thereabouts roughly about er um uh hmm sorry wait actually nope nah under above
        owing due outstanding there rn asap atm
        """
    ),
    after_in=words("total all full one cash"),
    after_of=words("it the my that this what them our your"),
    approving=words(
        """
        be fine ok okay good great all enough what perfect alright best plenty right correct it my too
        """
    ),
    more=words("more extra additional fewer twice thrice"),
    per=words("per each every a an monthly weekly biweekly"),
    periods=words(
        """
        month months week weeks day year paycheck payday installment instalment time card
        """
    ),
    stated=words(
        """
        owe owed owes owing bill bills balance invoice due statement received says shows left fee charged fees
        outstanding remaining was were
        """
    ),
    stated_phrases=phrases(
        """
        you said, you say, it said, it says, they said, app said, site said, email said, you told me
        """
    ),
    documents=words("invoice invoices bill bills statement"),
    nots=words(
        """
        not isnt wasnt dont cant cannot wont couldnt didnt doesnt shouldnt wouldnt havent hasnt never aint nor
        without
        """
    ),
    nots_asked_by=words("why"),
    nots_asked_of=words("i we you"),
    instead_of=phrases(
        """
        instead of, rather than, in place of, as opposed to, in lieu of
        """
    ),
    corrections=phrases(
        """
        no, nope, nah, wait, actually, i mean, i meant, sorry, oops, make that, make it, scratch that, correction,
        rather, change that to, change it to, hold on, on second thought, i said, instead, better, never mind, nvm,
        let me change
        """
    ),
    bounds=phrases(
        """
        more than, less than, over, under, above, below, up to, at least, at most, no more than, add, extra,
        another, plus, couple, few, fewer than, higher than, lower than, payments of, instalments of, installments
        of, increments of, adding, additional, bigger than, smaller than, by, multiples of
        """
    ),
    parts_of=words("of out off from the my that a this total full balance bill"),
    near=one_slip_away(words(f"{_TENS} {_TEENS} hundred thousand dollar dollars"), _REAL_WORDS | _NUMBERS),
)
