// The double of Stripe.js. Shapes: @stripe/stripe-js 10.2.1, types of stripe.d.ts, elements-group.d.ts, payment.d.ts,
// confirmation-tokens.d.ts, payment-intents.d.ts. Behaviour: docs.stripe.com/js.
(() => {
  const HOME = new URL(document.currentScript.src);
  const API = HOME.searchParams.get("api");

  class IntegrationError extends Error { name = "IntegrationError"; }
  const refuse = (where, why) => { throw new IntegrationError(`${where}: ${why}`); };

  // ------------------------------------------------------------------------------------------------ documented shapes

  const string = (v) => typeof v === "string";
  const boolean = (v) => typeof v === "boolean";
  const whole = (v) => Number.isInteger(v) && v > 0;
  const strings = (v) => Array.isArray(v) && v.every(string);
  const any = () => true;
  const one = (...of) => (v) => of.includes(v);
  const or = (...tests) => (v, where) => tests.some((test) => fits(v, test, where));
  const nullable = (test) => (v, where) => v === null || fits(v, test, where);
  const mapOf = (test) => (v, where) => Object.values(v).every((item) => fits(item, test, where));

  function fits(value, test, where) {
    if (typeof test === "function") return test(value, where);
    check(value, test, where);
    return true;
  }

  function check(given, shape, where) {
    if (given === null || typeof given !== "object" || Array.isArray(given)) refuse(where, "an object is wanted");
    for (const [key, value] of Object.entries(given)) {
      if (!(key in shape)) refuse(where, `${key} is not a documented option`);
      if (value === undefined) continue;
      if (!fits(value, shape[key], `${where}.${key}`)) refuse(`${where}.${key}`, `${JSON.stringify(value)} is not documented`);
    }
  }

  const LOCALES = ("auto ar bg cs da de el en en-AU en-CA en-NZ en-GB es es-ES es-419 et fi fil fr fr-CA fr-FR he hu hr id it "
    + "it-IT ja ko lt lv ms mt nb nl no pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW").split(" ");
  const USAGE = nullable(one("off_session", "on_session"));
  const APPEARANCE = {
    disableAnimations: boolean, theme: one("stripe", "night", "flat"), labels: one("auto", "above", "floating"),
    inputs: one("spaced", "condensed"), rules: mapOf(mapOf(string)),
    variables: Object.fromEntries((
      "fontFamily fontSmooth fontLineHeight fontSizeBase fontSizeSm fontSizeXs fontSizeLg fontSizeXl fontWeightLight fontWeightNormal "
      + "fontWeightMedium fontWeightBold spacingUnit gridRowSpacing gridColumnSpacing tabSpacing accordionItemSpacing colorPrimary "
      + "colorBackground colorText colorSuccess colorDanger colorWarning colorTextSecondary colorTextPlaceholder iconColor "
      + "borderRadius focusBoxShadow focusOutline logoColor tabLogoColor").split(" ").map((name) => [name, string])),
  };
  const CONSTRUCTOR = { stripeAccount: string, locale: one(...LOCALES), betas: strings, developerTools: any };
  const UPDATE = {
    locale: one(...LOCALES), fonts: any, appearance: APPEARANCE, mode: one("payment"), currency: string, amount: whole,
    setupFutureUsage: USAGE, captureMethod: one("manual", "automatic", "automatic_async"), onBehalfOf: string,
    excludedPaymentMethodTypes: strings, allowedPaymentMethodTypes: strings, paymentMethodConfiguration: string,
    customerSessionClientSecret: string,
  };
  const ELEMENTS = {
    ...UPDATE, loader: one("auto", "always", "never"), paymentMethodCreation: one("manual"), paymentMethodOptions: any,
    syncAddressCheckbox: any, externalPaymentMethodTypes: strings, customPaymentMethods: any,
  };
  const FIELD = one("auto", "never");
  const ADDRESS_FIELDS = { country: FIELD, postalCode: FIELD, state: FIELD, city: FIELD, line1: FIELD, line2: FIELD };
  const LAYOUT = {
    type: one("tabs", "accordion", "auto"), defaultCollapsed: boolean, radios: one("auto", "never", "always", "if_multiple"),
    spacedAccordionItems: boolean, visibleAccordionItemsCount: whole, paymentMethodLogoPosition: one("start", "end"),
  };
  const TERM = one("auto", "always", "never");
  const PAYMENT = {
    defaultValues: any, business: { name: string }, paymentMethodOrder: strings, readOnly: boolean, applePay: any,
    walletOptions: { emailRequired: boolean, phoneNumberRequired: boolean },
    layout: or(one("tabs", "accordion", "auto"), LAYOUT), wallets: { applePay: FIELD, googlePay: FIELD, link: FIELD },
    terms: { applePay: TERM, card: TERM, googlePay: TERM, usBankAccount: TERM },
    fields: { billingDetails: or(FIELD, {
      name: FIELD, email: FIELD, phone: FIELD, address: or(one("auto", "never", "if_required"), ADDRESS_FIELDS),
    }) },
  };
  const BILLING = {
    name: nullable(string), email: nullable(string), phone: nullable(string), tax_id: string, address: Object.fromEntries(
      ["line1", "line2", "city", "state", "postal_code", "country"].map((name) => [name, nullable(string)])),
  };
  const TOKEN = {
    elements: (v) => v instanceof Elements,
    params: {
      payment_method_data: { billing_details: BILLING, allow_redisplay: one("always", "limited", "unspecified"), metadata: any },
      shipping: any, return_url: nullable(string), metadata: any,
    },
  };
  const ACSS = {
    payment_method: or(string, { billing_details: BILLING, acss_debit: { account_number: string, institution_number: string, transit_number: string } }),
    setup_future_usage: USAGE, shipping: any, receipt_email: string, return_url: string, mandate: string, mandate_data: any,
  };
  const EVENTS = ["change", "ready", "focus", "blur", "escape", "loaderror", "loaderstart", "carddetailschange",
    "savedpaymentmethodupdate", "savedpaymentmethodremove", "availablepaymentmethodschange"];

  // -------------------------------------------------------------------------------------------------- frames of ours

  // A frame on this script's own origin, as Stripe's are: what is typed in it never passes through the page.
  class Frame {
    constructor(file, values, parent, title) {
      this.element = document.createElement("iframe");
      this.element.title = title;
      this.element.allow = "payment *";
      this.element.src = `${new URL(file, HOME.href).href}?${new URLSearchParams({ api: API, ...values })}`;
      this.told = new Map();
      this.heard = ({ source, origin, data }) => {
        if (source === this.element.contentWindow && origin === HOME.origin) this.told.get(data.type)?.(data);
      };
      addEventListener("message", this.heard);
      parent.append(this.element);
    }

    on(type, handler) { this.told.set(type, handler); return this; }

    ask(message, type) {
      return new Promise((resolve) => { this.on(type, resolve); this.element.contentWindow.postMessage(message, HOME.origin); });
    }

    close() { removeEventListener("message", this.heard); this.element.remove(); }
  }

  // Over the whole page, as Stripe's own windows for 3-D Secure and for bank accounts.
  function dialog(file, values, title) {
    return new Promise((resolve) => {
      const frame = new Frame(file, values, document.body, title);
      Object.assign(frame.element.style, { position: "fixed", inset: "0", width: "100%", height: "100%", border: "0", zIndex: "2147483647" });
      frame.on("done", ({ result }) => { frame.close(); resolve(result); });
      frame.on("ready", () => frame.element.focus());
    });
  }

  // ------------------------------------------------------------------------------------------------------- elements

  class PaymentElement {
    constructor(group, options) {
      check(options, PAYMENT, "elements.create('payment')");
      this.group = group;
      this.options = options;
      this.handlers = {};
      this.type = null;
    }

    on(event, handler) {
      if (!EVENTS.includes(event)) refuse("element.on", `${event} is not an event of the Payment Element`);
      (this.handlers[event] ??= []).push(handler);
      return this;
    }

    tell(event, more = {}) { for (const handler of this.handlers[event] ?? []) handler({ elementType: "payment", ...more }); }

    mount(where) {
      const place = string(where) ? document.querySelector(where) : where;
      if (!(place instanceof HTMLElement)) refuse("element.mount", `there is no ${where}`);
      if (place.childNodes.length && place.textContent.trim()) console.warn("This Element will be mounted to a DOM element that contains child nodes.");
      const { currency, locale, appearance } = this.group.options;
      const types = (this.group.options.allowedPaymentMethodTypes ?? ["card"]).join(" ");
      this.frame = new Frame("element.html", { types, currency, locale: this.group.locale ?? locale ?? "en", theme: appearance?.theme ?? "stripe" }, place, "Secure payment input frame");
      Object.assign(this.frame.element.style, { width: "100%", border: "0", display: "block", height: "190px", colorScheme: appearance?.theme === "night" ? "dark" : "light" });
      this.frame.on("ready", () => { this.show(); this.tell("ready"); });
      this.frame.on("height", ({ height }) => { this.frame.element.style.height = `${height}px`; });
      this.frame.on("change", ({ empty, complete, kind }) => {
        this.type = kind;
        this.group.submitted = false;
        this.tell("change", { empty, complete, collapsed: false, value: { type: kind } });
      });
      this.tell("loaderstart");
    }

    show() { this.frame?.element.contentWindow.postMessage({ type: "options", options: structuredClone(this.group.options) }, HOME.origin); }
    focus() { this.frame?.element.focus(); return this; }
    blur() { this.frame?.element.blur(); return this; }
    clear() { return this; }
    unmount() { this.frame?.close(); this.frame = null; }
    destroy() { this.unmount(); }
    update(options) { check(options, PAYMENT, "element.update"); Object.assign(this.options, options); return this; }
  }

  class Elements {
    constructor(options, locale) {
      check(options, ELEMENTS, "stripe.elements");
      if (options.mode !== "payment") refuse("stripe.elements", "mode must be payment, subscription or setup");
      if (!whole(options.amount)) refuse("stripe.elements", "amount must be a positive integer");
      if (!/^[a-z]{3}$/.test(options.currency ?? "")) refuse("stripe.elements", "currency must be a lower-case ISO code");
      this.options = { ...options };
      this.locale = locale;
      this.submitted = false;
    }

    create(type, options = {}) {
      if (type !== "payment") refuse("elements.create", `${type} is none of ours`);
      if (this.element) refuse("elements.create", "Can only create one Element of type payment");
      this.element = new PaymentElement(this, options);
      return this.element;
    }

    getElement(type) { return type === "payment" ? (this.element ?? null) : null; }

    update(options) {
      check(options, UPDATE, "elements.update");
      Object.assign(this.options, options);
      this.submitted = false;
      this.element?.show();
    }

    async submit() {
      if (!this.element?.frame) refuse("elements.submit", "the Payment Element is not mounted");
      const { error, kind } = await this.element.frame.ask({ type: "submit" }, "submitted");
      if (error) return { error };
      this.submitted = true;
      return { selectedPaymentMethod: kind };
    }
  }

  // --------------------------------------------------------------------------------------------------------- stripe

  // What is opted out of with "never" has to be passed in; even a second address line, as null.
  function demand(fields, given, where) {
    const asked = fields?.billingDetails;
    if (!asked) return;
    const never = (name) => asked === "never" || asked[name] === "never";
    for (const name of ["name", "email", "phone"]) {
      if (never(name) && given?.[name] === undefined) refuse(where, `You specified "never" for fields.billing_details.${name} but did not pass it`);
    }
    for (const [key, option] of [["line1"], ["line2"], ["city"], ["state"], ["postal_code", "postalCode"], ["country"]]) {
      const opted = never("address") || asked.address?.[option ?? key] === "never";
      if (opted && given?.address?.[key] === undefined) refuse(where, `You specified "never" for fields.billing_details.address.${key} but did not pass it`);
    }
  }

  const isSecret = (v) => string(v) && /^pi_\w+_secret_\w+$/.test(v);

  class Stripe {
    constructor(options) { this.locale = options.locale; }

    elements(options) { return new Elements(options ?? {}, this.locale); }

    async createConfirmationToken(options) {
      check(options, TOKEN, "stripe.createConfirmationToken");
      const { elements, params = {} } = options;
      if (!elements.submitted) refuse("stripe.createConfirmationToken", "elements.submit() must be called before");
      const billing = params.payment_method_data?.billing_details;
      demand(elements.element.options.fields, billing, "stripe.createConfirmationToken");
      const asked = { type: "tokenize", billing, usage: elements.options.setupFutureUsage ?? null };
      const { error, token } = await elements.element.frame.ask(asked, "tokenized");
      return error ? { error } : { confirmationToken: token };
    }

    async handleNextAction(options) {
      check(options, { clientSecret: isSecret, hashedValue: string }, "stripe.handleNextAction");
      const result = await dialog("challenge.html", { secret: options.clientSecret, locale: this.locale ?? "en" }, "3-D Secure");
      if (result.unexpected) refuse("stripe.handleNextAction", `the PaymentIntent is ${result.unexpected}, not requires_action`);
      return result;
    }

    async confirmAcssDebitPayment(clientSecret, data = {}, options = {}) {
      const where = "stripe.confirmAcssDebitPayment";
      if (!isSecret(clientSecret)) refuse(where, "the first argument is a client secret");
      check(data, ACSS, where);
      check(options, { skipMandate: boolean }, where);
      const { name, email } = data.payment_method?.billing_details ?? {};
      if (!name || !email) refuse(where, "billing_details need name and email");
      const billing = JSON.stringify(data.payment_method.billing_details);
      return dialog("bank.html", { secret: clientSecret, billing, locale: this.locale ?? "en" }, "Bank account");
    }
  }

  window.Stripe = (key, options = {}) => {
    if (!/^pk_(test|live)_\w+$/.test(key ?? "")) refuse("Stripe", "a publishable key is wanted");
    check(options, CONSTRUCTOR, "Stripe");
    return new Stripe(options);
  };
  window.Stripe.version = "endive";
})();
