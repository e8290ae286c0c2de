// A time and a method, as the page writes them.

import { locale, word } from "./words.js";

const BRANDS = { visa: "Visa", mastercard: "Mastercard", amex: "American Express", discover: "Discover" };

export const clock = (at) => new Date(at).toLocaleTimeString(locale(), { hour: "numeric", minute: "2-digit" });

export function methodName({ brand, last4, kind }) {
  return word("ending", kind === "bank_debit" ? word("bank_account") : BRANDS[brand] ?? brand, last4);
}
