import { expect, it } from 'vitest';
import { markupErrors } from './well-formed.js';

it.each([
  '<p>one<b>two</p></b>',
  '<p>never closed',
  '<p>1 < 2</p>',
  '<p>a & b</p>',
  '<p class=bare>x</p>',
  '<p title="a"b">x</p>',
  '<script>alert(1)</p>',
])('finds what is wrong with %s', (document) => expect(markupErrors(document)).not.toEqual([]));

it('finds nothing wrong with a page', () => {
  expect(markupErrors('<!DOCTYPE html>\n<p id="a" class="b c">a &amp; b<br><path d="M0 0"/></p>')).toEqual([]);
});
