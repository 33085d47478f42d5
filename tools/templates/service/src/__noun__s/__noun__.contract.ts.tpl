/** Move this file to libs/contracts when somebody else sends these messages. */
import { request, type ListQuery, type Page } from '@hybrid/contracts';

export interface __Noun__View {
  id: string;
  name: string;
  status: 'OPEN' | 'CLOSED';
}

export const __noun__Requests = {
  open: request<{ __noun___id: string; name: string }, __Noun__View>('cmd.__service__.__noun__.open'),
  close: request<{ __noun___id: string }, __Noun__View>('cmd.__service__.__noun__.close'),
  list: request<ListQuery, Page<__Noun__View>>('qry.__service__.__noun__.list'),
};
