// A decider gets time, ids and chance in its command: the same command and state give the same events for ever.

const because = 'deciders are pure: time, ids and chance come in the command';

export const pureDeciders = {
  'no-restricted-syntax': [
    'error',
    { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: because },
    { selector: "CallExpression[callee.name='Date']", message: because },
    { selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']", message: because },
    {
      selector: "CallExpression[callee.object.name='performance'][callee.property.name='now']",
      message: because,
    },
    {
      selector: "CallExpression[callee.object.name='Math'][callee.property.name='random']",
      message: because,
    },
    { selector: 'CallExpression[callee.name=/^(randomUUID|randomBytes|randomInt)$/]', message: because },
    {
      selector: 'CallExpression[callee.property.name=/^(randomUUID|randomBytes|randomInt|getRandomValues)$/]',
      message: because,
    },
    { selector: 'AwaitExpression', message: 'deciders do no I/O' },
  ],
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        { regex: '^(node:)?(crypto|fs|net|http|https|child_process|timers|os)(/|$)', message: because },
      ],
    },
  ],
};
