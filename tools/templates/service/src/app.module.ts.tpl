import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { __Noun__Controller } from './__noun__s/__noun__.controller.js';
import { __Noun__s } from './__noun__s/__noun__s.js';

@Module({ controllers: [projectionOperations('__service__'), __Noun__Controller], providers: [__Noun__s] })
export class __Service__Module {}
