// The widget's own words. What the assistant says comes from the service, in the conversation's language.

const en = {
  title: "Payment assistant", leave: "Close the assistant", other_language: "Français", other_words: "Parlons français", use_it: "Continue",
  ends_soon: "This conversation ends in two minutes. Write something, or go on here.", go_on: "Go on", go_on_words: "Can you repeat that?",
  no_host: "This page belongs into a billing portal.", no_sign_in: "You could not be signed in. Reload the page and try again.",
  skip: "Skip to the message field", assistant: "Payment assistant", message: "Message", type: "Type a message", send: "Send", close: "Close",
  never: "Never type a card number here – a secure page opens for it.", secure_page: "Secure page", connecting: "Connecting…", online: "Online",
  offline: "Reconnecting…", you: "You: ", them: "Assistant: ", writing: "The assistant is writing", ended: "This conversation has ended.",
  again: "Begin a new one", no_answer: "The assistant did not answer. Your message is still in the field.", pay_with: "Pay with",
  ending: "{} ending in {}", bank_account: "Bank account", expires: "expires {}", balance: "Balance", credit: "Credit", past_due: "{} past due",
  due: "due {}", invoices_1: "1 open invoice", invoices: "{} open invoices", to_pay: "To pay", new_card: "A new card", left: "{} left", paid: "paid",
  in_full: "in full", to_credit: "Credit", receipt_to: "Receipt to {}", good_until: "Good until {}", show_more: "Show more",
  more_invoices_1: "and 1 more invoice", more_invoices: "and {} more invoices", open_receipt: "Open the receipt (PDF)",
  open_invoice: "Open the invoice (PDF)", open_page: "Open the secure page", edit_page: "Open the page", link_until: "Good until {}",
  bank_page: "Go to the bank’s page", new_balance: "New balance {}", reference: "Reference {}", succeeded: "Accepted", declined: "Declined",
  processing: "Waiting for the bank", unknown: "Being checked", submitting: "Being sent", requires_action: "Waiting for you at the bank",
  canceled: "Cancelled", not_attempted: "Nothing was charged", steps: "Sent · the bank decides · done", statement: "Invoices and payments",
  invoice: "Invoice", payment: "Payment", refund: "Refund",
};

const fr = {
  title: "Assistant de paiement", leave: "Fermer l’assistant", other_language: "English", other_words: "English, please", use_it: "Continuer",
  ends_soon: "Cette conversation se termine dans deux minutes. Écrivez quelque chose, ou continuez ici.", go_on: "Continuer",
  go_on_words: "Pouvez-vous répéter?", no_host: "Cette page a sa place dans un portail de facturation.",
  no_sign_in: "La connexion n’a pas réussi. Rechargez la page et réessayez.", skip: "Aller au champ du message", assistant: "Assistant de paiement",
  message: "Message", type: "Écrivez un message", send: "Envoyer", close: "Fermer",
  never: "N’écrivez jamais un numéro de carte ici – une page sécurisée s’ouvre pour cela.", secure_page: "Page sécurisée", connecting: "Connexion…",
  online: "En ligne", offline: "Reconnexion…", you: "Vous : ", them: "Assistant : ", writing: "L’assistant écrit",
  ended: "Cette conversation est terminée.", again: "En commencer une autre",
  no_answer: "L’assistant n’a pas répondu. Votre message est encore dans le champ.", pay_with: "Payer avec", ending: "{} se terminant par {}",
  bank_account: "Compte bancaire", expires: "expire {}", balance: "Solde", credit: "Crédit", past_due: "{} en retard", due: "échéance {}",
  invoices_1: "1 facture ouverte", invoices: "{} factures ouvertes", to_pay: "À payer", new_card: "Une nouvelle carte", left: "reste {}",
  paid: "payée", in_full: "en entier", to_credit: "Crédit", receipt_to: "Reçu à {}", good_until: "Valable jusqu’à {}", show_more: "En voir plus",
  more_invoices_1: "et 1 autre facture", more_invoices: "et {} autres factures", open_receipt: "Ouvrir le reçu (PDF)",
  open_invoice: "Ouvrir la facture (PDF)", open_page: "Ouvrir la page sécurisée", edit_page: "Ouvrir la page", link_until: "Valable jusqu’à {}",
  bank_page: "Aller à la page de la banque", new_balance: "Nouveau solde {}", reference: "Référence {}", succeeded: "Accepté", declined: "Refusé",
  processing: "En attente de la banque", unknown: "En vérification", submitting: "En cours d’envoi", requires_action: "Une étape à la banque",
  canceled: "Annulé", not_attempted: "Rien n’a été débité", steps: "Envoyé · la banque décide · terminé", statement: "Factures et paiements",
  invoice: "Facture", payment: "Paiement", refund: "Remboursement",
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

// Writes the frame's words in the language of the conversation.
export function speak(wanted) {
  language = Object.hasOwn(catalogue, wanted) ? wanted : "en";
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.dataset.word);
  for (const node of document.querySelectorAll("[data-placeholder]")) node.placeholder = word(node.dataset.placeholder);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", word(node.dataset.label));
}
