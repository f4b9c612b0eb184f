import { expect, it } from 'vitest';
import { shortened } from './name.js';

it('cuts names in their middle, at whole characters', () => {
  expect(shortened('compact', 7)).toBe('compact');
  expect(shortened('compact-shared rank 64', 10)).toBe('compa…k 64');
  expect(shortened('😀😀😀😀😀😀', 3)).toBe('😀…😀');
});
