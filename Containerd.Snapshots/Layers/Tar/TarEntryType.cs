namespace Containerd.Snapshots;

/// <summary>What an entry of an archive makes.</summary>
internal enum TarEntryType
{
    RegularFile,
    HardLink,
    SymbolicLink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
}
