"""The wish to speak with a human, read by its parts in nine languages.

"I would like to talk to somebody from the office, please" is a wish, a verb of talking and somebody to talk
to, with nothing else beside them. So "human error" and "the agent of the owner was here" are no such wish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from banksman.domain.folding import fold


@dataclass(frozen=True, kw_only=True)
class Parts:
    """How one language says it; each part is a list of words and phrases between bars."""

    wish: str  # may stand before the verb, several times
    talk: str  # the verb, with whatever stands between it and the person
    whom: str
    after: str = ""  # may stand at the end
    whom_first: bool = False  # the person comes before the verb


PARTS = {
    "en": Parts(
        wish="i|i'd|we|would|want|wanna|need|like|would like|have|can|could|may|let|me|is it possible|to|you|"
        "please|just|now",
        talk="speak|talk|chat|get through|speak directly|get|connect|put|put me through|transfer|"
        "get in touch|call|reach",
        whom="human|human being|person|real person|someone|somebody|operator|agent|office|people|staff|"
        "manager|boss|colleague|anyone",
        after="from the office|at the office|in the office|from the staff|in charge|now|here|instead|directly|"
        "real|today|please",
    ),
    "fr": Parts(
        wish="je|j'|nous|on|veux|voudrais|aimerais|souhaite|souhaiterais|dois|besoin|ai besoin|de|peux|"
        "puis-je|est-ce que|"
        "pouvez-vous|peux-tu|me|il faut que|moi|possible|c'est possible|est-il|pourrais|pourrait",
        talk="parler|discuter|échanger|passer|mettre en relation|contacter|joindre|parle|appeler|passez|"
        "être rappelé par",
        whom="quelqu'un|humain|être humain|personne|vraie personne|bureau|conseiller|conseillère|responsable|"
        "opérateur|agent|"
        "chef|collègue|gens",
        after="du bureau|au bureau|de chez vous|directement|maintenant|svp|en vrai|de réel|de vrai|en personne",
    ),
    "es": Parts(
        wish="yo|quiero|quisiera|querría|necesito|puedo|podría|me gustaría|me|deseo|es posible|por favor",
        talk="hablar|comunicarme|comunicar|contactar|pasar|pásame|conversar",
        whom="persona|persona real|humano|ser humano|alguien|agente|operador|oficina|encargado|jefe|responsable",
        after="de la oficina|ahora|de verdad|directamente|por favor|real",
    ),
    "pt": Parts(
        wish="eu|quero|queria|preciso|precisava|posso|gostaria|gostava|poderia|podia|de|é possível|me|por favor",
        talk="falar|conversar|contactar|contatar|passar|falo",
        whom="pessoa|pessoa real|humano|ser humano|alguém|atendente|operador|escritório|responsável|chefe|encarregado",
        after="do escritório|agora|de verdade|diretamente|por favor|real",
    ),
    "de": Parts(
        wish="ich|wir|will|möchte|würde|gern|gerne|muss|kann|könnte|darf|bitte|mal|mit|persönlich",
        talk="sprechen|reden|telefonieren|verbunden werden|schreiben",
        whom="mensch|menschen|echten menschen|person|jemandem|jemanden|jemand|mitarbeiter|büro|chef|kollegen|"
        "ansprechpartner",
        after="aus dem büro|im büro|vom büro|jetzt|direkt|persönlich|bitte",
        whom_first=True,
    ),
    "it": Parts(
        wish="io|voglio|vorrei|posso|potrei|ho bisogno di|devo|mi|è possibile|per favore",
        talk="parlare|comunicare|contattare|parlo|mettermi in contatto",
        whom="persona|persona reale|persona vera|umano|essere umano|qualcuno|operatore|ufficio|responsabile|capo",
        after="dell'ufficio|in ufficio|adesso|ora|direttamente|per favore|vero|vera",
    ),
    "pl": Parts(
        wish="ja|chcę|chciałbym|chciałabym|mogę|czy|czy mogę|proszę|potrzebuję|muszę|o|można",
        talk="rozmawiać|porozmawiać|pogadać|rozmowę|rozmowa|połączyć|połączenie|skontaktować się|mówić",
        whom="człowiekiem|żywym człowiekiem|kimś|osobą|konsultantem|biurem|szefem|pracownikiem|kierownikiem",
        after="z biura|w biurze|teraz|proszę|na żywo",
    ),
    "ro": Parts(
        wish="eu|vreau|aș vrea|aș dori|doresc|pot|pot să|trebuie|să|se poate|vă rog|te rog|aș putea",
        talk="vorbesc|vorbi|vorbim|discut|discuta|contactez|iau legătura",
        whom="om|persoană|persoană reală|cineva|operator|birou|biroul|șef|șeful|responsabil",
        after="de la birou|din birou|acum|direct|vă rog|real",
    ),
    "ar": Parts(
        wish="أريد|اريد|أرغب|أرغب في|هل|هل يمكنني|يمكنني|ممكن|أحتاج|أحتاج إلى|من فضلك|أن|بدي|عايز",
        talk="التحدث|التكلم|الكلام|أتكلم|أتحدث|الحديث|احكي|التواصل",
        whom="شخص|شخص حقيقي|إنسان|موظف|أحد|المكتب|مسؤول|المدير|بشر",
        after="من المكتب|الآن|حقيقي|من فضلك",
    ),
}

# What may stand between the verb and the person, in any of the languages.
BETWEEN = (
    "to|with|a|an|the|some|real|me|moi|through|over|in touch|any|actual|live|other|at|à|a|avec|un|une|des|le|la|les|l'|"
    "au|con|el|una|uno|alguna|com|o|um|uma|ao|mit|einem|einer|einen|dem|der|den|echten|dell'|z|ze|żywym|jakąś|jakimś|cu|"
    "مع|إلى|الى|ب|vrai|vraie"
)


def _either(words: str) -> str:
    """An alternation of folded words, the longest first."""
    found = sorted({fold(word) for word in words.split("|") if word}, key=len, reverse=True)
    return "|".join(re.escape(word) for word in found)


def _pattern(parts: Parts) -> re.Pattern[str]:
    wish, talk, whom = (f"(?:{_either(words)})" for words in (parts.wish, parts.talk, parts.whom))
    between = f"(?:(?:{_either(BETWEEN)}) )*"
    after = f"(?: (?:{_either(parts.after)}))*"
    said = f"{between}{whom}{after} {talk}" if parts.whom_first else f"{talk} {between}{whom}"
    return re.compile(f"(?:{wish} )*{said}{after}")


PATTERNS = {language: _pattern(parts) for language, parts in PARTS.items()}


def asks_for_human(folded: str) -> str | None:
    """The language in which a folded message as a whole asks for a human, or None."""
    return next((language for language, pattern in PATTERNS.items() if pattern.fullmatch(folded)), None)
