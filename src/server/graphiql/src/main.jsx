import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';

// The page is served at the GraphQL path itself; `?query=` opens that operation in the first tab.
const address = new URL(window.location.href);
const fetcher = createGraphiQLFetcher({ url: address.pathname });

const examples = document.querySelector('meta[name="weft-tabs"]')?.content ?? '';
const asked = address.searchParams.get('query');
const tabs = asked
  ? [{ query: asked, variables: address.searchParams.get('variables') ?? undefined }]
  : examples
    ? JSON.parse(examples)
    : undefined;

createRoot(document.getElementById('graphiql')).render(
  createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs,
    defaultEditorToolsVisibility: true,
    shouldPersistHeaders: false,
  }),
);
