import { IsNotEmpty } from 'class-validator';

export class RegistrySettings {
  @IsNotEmpty({ message: 'HYBRID_ARTIFACTS must name the directory that holds the artifacts' })
  HYBRID_ARTIFACTS!: string;
}
