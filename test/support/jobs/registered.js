import { job } from 'tsrq';

export const greet = job('greetings.greet', async (name) => `hello ${name}`);
