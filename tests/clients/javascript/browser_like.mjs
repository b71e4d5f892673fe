// As much of a browser as the hosted pages need: cookies, redirects, links, forms. They have no scripts.

const ENTITIES = { '&amp;': '&', '&#34;': '"', '&#39;': "'", '&lt;': '<', '&gt;': '>' };
const text = (html) => html.replace(/&(?:amp|#34|#39|lt|gt);/g, (entity) => ENTITIES[entity]);
const attribute = (tag, name) => {
  const found = tag.match(new RegExp(`\\s${name}="([^"]*)"`));
  return found && text(found[1]);
};

export class Browser {
  /** `app`: addresses that begin so are the app's own; the journey ends there. */
  constructor(app) {
    this.app = new URL(app).origin;
    this.cookies = new Map();
  }

  /** Go to an address and through its redirects: the app's address it ends at, or undefined on a page. */
  async open(address, form) {
    this.url = new URL(address, this.url);
    if (this.url.origin === this.app) return this.url;
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const answer = await fetch(this.url, { redirect: 'manual', headers: { cookie }, ...form });
    for (const line of answer.headers.getSetCookie()) this.take(line);
    const onward = answer.headers.get('location');
    if (onward) return this.open(onward);
    this.html = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status} at ${this.url}: ${this.html}`);
    return undefined;
  }

  take(line) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    if (/max-age=0/i.test(line)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }

  /** The link of the page whose path is this. */
  link(path) {
    const found = this.html.match(/<a [^>]*>/g).map((tag) => attribute(tag, 'href'));
    return found.find((href) => new URL(href, this.url).pathname === path);
  }

  /** Send the form that goes to this path: what it holds already, and these fields. */
  async submit(path, fields) {
    const form = this.html.match(/<form.*?<\/form>/gs)
      .find((found) => new URL(attribute(found, 'action'), this.url).pathname === path);
    const body = new URLSearchParams();
    for (const tag of form.match(/<input[^>]*>/gs)) {
      body.set(attribute(tag, 'name'), attribute(tag, 'value') ?? '');
    }
    for (const [name, value] of Object.entries(fields)) {
      if (!body.has(name)) throw new Error(`${this.url}: no field ${name}`);
      body.set(name, value);
    }
    return this.open(attribute(form, 'action'), { method: 'POST', body });
  }
}
