// The page's own words. What the assistant says comes from the service, in the conversation's language.

const en = {
  title: " · payment assistant", sandbox: "Sandbox", no_money: " – no real money", customer: "Customer", start_over: "Start over",
  starting_over: "Starting over…", chat: "Chat", bank: "The bank", mailbox: "Mailbox", try: "Try", 
  cards_title: "Test cards", cards_how: "For “a new card”, on the secure page. Any future expiry, any code. Press one to copy it.",
  assistant: "Payment assistant", close: "Close", you_decide: "you decide", bank_history: "Payments at the bank", skip: "Skip to the assistant",
  you: "You: ", them: "Assistant: ", ending: "{} ending in {}", bank_account: "Bank account", succeeded: "Accepted", declined: "Declined",
  processing: "Waiting for the bank", canceled: "Cancelled",
  nothing_pending: "Nothing waits for a decision. A bank debit, or the test card ending 2024, will.", pending: "Pending", approve: "Approve",
  decline: "Decline", because: "If declined, because", by: "{} · {}", no_mail: "No mail yet. Confirmations arrive here.", mails_1: "1 message",
  mails: "{} messages", unread: "unread", from: "From", to: "To", at: "At", enclosed: "Enclosed", copied: "Copied: {}",
  failed: "That did not work. Try again.", copy: "Copy", texts: "Texts", text_message: "Text message", send_text: "Send the text",
  no_texts: "No texts yet. Try BALANCE, PAY or HELP.", delivered: "Delivered", not_delivered: "Not delivered (error {})",
  not_taken: "The service did not take it (error {})", segments: "{} segments", pictures: "[pictures: {}]",
  tour: "A tour in four steps", done: "Done", portal: "The portal", call: "Call", call_now: "Call", account_and_pin: "{}, PIN {}", hang_up: "End", aloud: "Aloud",
  watch: "Watch", stop: "Stop", play_stuck: "It does not go on from here. Start over, or go on by yourself.",
  microphone: "Speak by microphone", heard_nothing: "Nothing was heard.", no_microphone: "The browser could not listen. It can be typed as well.",
  keypad: "Keypad", speak: "Say something", say: "Say…", behind: "Behind the scenes", live: "live", travel: "Its events arrive", decides: "It decides",
  steps: ["Ask what is owed", "Pay it", "See it at the bank", "Read the receipt"],
  decisions: { at_once: "at once", when_told: "when you say" },
  travels: { at_once: "at once", late: "8 seconds late", twice: "twice", lost: "never" },
  who: { bank: "Bank", mail: "Mail", twilio: "Twilio" },
  why: { bank_declined: "No reason given", insufficient_funds: "Insufficient funds", account_closed: "Account closed" },
  about: {
    maya: "Maya has three invoices, two cards that work and one (Visa 0002) that is always declined.",
    liam: "Liam has a credit of $35.00.", chloe: "Chloé speaks French and pays by bank debit: you decide what her bank says.",
    noah: "Noah has no saved card: his goes in on the secure page.", zoe: "Zoe has 240 open invoices.",
  },
  // Each line is an act of main.js; [code] and [pay] are read off the phone, [account] and [pin] are the customer's.
  plays: {
    maya: [
      ["By chat", [["chat", "What do I owe?"], ["chat", "Pay 250 of it"], ["chat", "The visa ending 4242"], ["chat", "Yes"], ["receipt"]]],
      ["Declined", [["chat", "Pay 80 with the visa ending 0002"], ["chat", "Yes"], ["chat", "Why?"], ["chat", "Try the mastercard"], ["chat", "Yes"]]],
      ["By text", [["text", "PAY"], ["text", "[code]"], ["text", "pay 50 with visa 4242"], ["text", "[pay]"]]],
      ["By phone", [["call"], ["keys", "1"], ["keys", "[account]#"], ["keys", "[pin]#"], ["speech", "pay sixty with my visa ending four two four two"], ["keys", "1"], ["hang_up"]]],
    ],
    liam: [["Ahead of time", [["chat", "What do I owe?"], ["chat", "Pay 20 anyway"], ["chat", "Mastercard"], ["chat", "Yes"], ["receipt"]]]],
    chloe: [["Sa banque décide", [["chat", "Payer 40 $ avec mon compte bancaire"], ["chat", "Oui"], ["chat", "Payer 10 $"], ["bank"], ["receipt"]]]],
    noah: [["A new card", [["chat", "Pay my bill"], ["chat", "Half of it"], ["chat", "Is the page safe?"]]]],
    zoe: [["240 invoices", [["chat", "List my invoices"], ["chat", "Pay everything with my visa"], ["chat", "Yes"], ["receipt"]]]],
  },
  ideas: {
    maya: ["What do I owe?", "Pay my bill", "Pay $250", "Only the oldest invoice", "Why is my balance this?", "What have I paid?", "Did my payment go through?", "Talk to a person"],
    liam: ["What do I owe?", "Pay my bill", "Pay $20", "What have I paid?"],
    chloe: ["Combien je dois?", "Payer ma facture", "Payer 40 $", "Mon paiement est-il passé?", "English, please"],
    noah: ["What do I owe?", "Pay my bill", "Pay half"],
    zoe: ["What do I owe?", "Pay $500", "Pay it all", "What is overdue?"],
  },
  cards: {
    "4242 4242 4242 4242": "pays", "5555 5555 5555 4444": "pays (Mastercard)", "4000 0000 0000 9995": "declined: insufficient funds",
    "4000 0000 0000 0036": "declined, but for postal code K1A 0B1", "4000 0000 0000 3220": "asks you first (3-D Secure)",
    "4000 0000 0000 2024": "pending until you decide", "4000 0000 0000 4087": "charges, and its answer gets lost",
  },
};

const fr = {
  title: " · assistant de paiement", sandbox: "Bac à sable", no_money: " – pas d’argent réel", customer: "Client", start_over: "Recommencer",
  starting_over: "Un instant…", chat: "Clavardage", bank: "La banque", mailbox: "Courriel", try: "Essayer",
  cards_title: "Cartes d’essai",
  cards_how: "Pour « une nouvelle carte », sur la page sécurisée. Expiration future et code au choix. Appuyez pour copier.",
  assistant: "Assistant de paiement", close: "Fermer", you_decide: "vous décidez", bank_history: "Paiements à la banque",
  skip: "Aller à l’assistant", you: "Vous : ", them: "Assistant : ", ending: "{} se terminant par {}", bank_account: "Compte bancaire",
  succeeded: "Accepté", declined: "Refusé", processing: "En attente de la banque", canceled: "Annulé",
  nothing_pending: "Rien n’attend de décision. Un débit bancaire, ou la carte d’essai 2024, attendra.", pending: "En attente", approve: "Approuver",
  decline: "Refuser", because: "Si refusé, parce que", by: "{} · {}", no_mail: "Pas encore de courriel. Les confirmations arrivent ici.",
  mails_1: "1 message", mails: "{} messages", unread: "non lu", from: "De", to: "À", at: "Le", enclosed: "Joint", copied: "Copié : {}",
  failed: "Cela n’a pas fonctionné. Réessayez.", copy: "Copier", texts: "Textos", text_message: "Message texte", send_text: "Envoyer le texto",
  no_texts: "Pas encore de texto. Essayez SOLDE, PAYER ou AIDE.", delivered: "Distribué", not_delivered: "Non distribué (erreur {})",
  not_taken: "Le service ne l’a pas pris (erreur {})", segments: "{} segments", pictures: "[images : {}]",
  tour: "Une visite en quatre étapes", done: "Fait", portal: "Le portail", call: "Appel", call_now: "Appeler", account_and_pin: "{}, NIP {}", hang_up: "Fin", aloud: "Son",
  watch: "Regarder", stop: "Arrêter", play_stuck: "Cela ne va pas plus loin. Recommencez, ou continuez vous-même.",
  microphone: "Parler au micro", heard_nothing: "Rien n’a été entendu.", no_microphone: "Le navigateur n’a pas pu écouter. On peut aussi l’écrire.",
  keypad: "Clavier", speak: "Dites quelque chose", say: "Dites…", behind: "Dans les coulisses", live: "en direct", travel: "Ses événements arrivent", decides: "Elle décide",
  steps: ["Demander le solde", "Payer", "Voir la banque", "Lire le reçu"],
  decisions: { at_once: "tout de suite", when_told: "à votre signal" },
  travels: { at_once: "tout de suite", late: "8 secondes plus tard", twice: "deux fois", lost: "jamais" },
  who: { bank: "Banque", mail: "Courriel", twilio: "Twilio" },
  why: { bank_declined: "Sans raison", insufficient_funds: "Provision insuffisante", account_closed: "Compte fermé" },
  about: {
    maya: "Maya a trois factures, deux cartes qui fonctionnent et une (Visa 0002) toujours refusée.",
    liam: "Liam a un crédit de 35,00 $.", chloe: "Chloé parle français et paie par débit bancaire : vous décidez ce que dit sa banque.",
    noah: "Noah n’a pas de carte enregistrée : la sienne s’écrit sur la page sécurisée.", zoe: "Zoe a 240 factures ouvertes.",
  },
  plays: {
    maya: [
      ["Par clavardage", [["chat", "Combien je dois?"], ["chat", "Payer 250 $"], ["chat", "La visa 4242"], ["chat", "Oui"], ["receipt"]]],
      ["Refusée", [["chat", "Payer 80 $ avec la visa 0002"], ["chat", "Oui"], ["chat", "Pourquoi?"], ["chat", "Avec la mastercard"], ["chat", "Oui"]]],
      ["Par texto", [["text", "PAYER"], ["text", "[code]"], ["text", "payer 50 $ avec la visa 4242"], ["text", "[pay]"]]],
      ["Par téléphone", [["call"], ["keys", "2"], ["keys", "[account]#"], ["keys", "[pin]#"], ["speech", "payer soixante dollars avec ma visa 4242"], ["keys", "1"], ["hang_up"]]],
    ],
    liam: [["D’avance", [["chat", "Combien je dois?"], ["chat", "Payer 20 $"], ["chat", "Mastercard"], ["chat", "Oui"], ["receipt"]]]],
    chloe: en.plays.chloe,
    noah: [["Une nouvelle carte", [["chat", "Payer ma facture"], ["chat", "La moitié"], ["chat", "La page est-elle sûre?"]]]],
    zoe: [["240 factures", [["chat", "Mes factures"], ["chat", "Tout payer avec ma visa"], ["chat", "Oui"], ["receipt"]]]],
  },
  ideas: {
    maya: ["Combien je dois?", "Payer ma facture", "Payer 250 $", "Seulement la plus ancienne facture", "Parler à une personne"],
    liam: ["Combien je dois?", "Payer ma facture", "Payer 20 $"], chloe: en.ideas.chloe,
    noah: ["Combien je dois?", "Payer ma facture", "Payer la moitié"], zoe: ["Combien je dois?", "Payer 500 $", "Tout payer"],
  },
  cards: {
    "4242 4242 4242 4242": "paie", "5555 5555 5555 4444": "paie (Mastercard)", "4000 0000 0000 9995": "refusée : provision insuffisante",
    "4000 0000 0000 0036": "refusée, sauf code postal K1A 0B1", "4000 0000 0000 3220": "vous demande d’abord (3-D Secure)",
    "4000 0000 0000 2024": "en attente de votre décision", "4000 0000 0000 4087": "débite, et la réponse se perd",
  },
};

const catalogue = { en, fr };
let language = "en";

export const locale = () => (language === "fr" ? "fr-CA" : "en-CA");
export const words = () => catalogue[language];

export function word(name, ...values) {
  let place = 0;
  return catalogue[language][name].replace(/\{\}/g, () => values[place++]);
}

export function several(name, count) { return count === 1 ? word(`${name}_1`) : word(name, count); }

// Writes the page's words in the language of the conversation.
export function speak(wanted) {
  language = catalogue[wanted] ? wanted : "en";
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = word(node.dataset.placeholder);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
}
