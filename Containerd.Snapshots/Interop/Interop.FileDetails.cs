namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>What a file is among all files of the machine, for as long as it exists.</summary>
    internal readonly record struct FileIdentity(ulong Device, ulong Inode);

    /// <summary>What statx tells about a file that is to be copied.</summary>
    internal readonly struct FileDetails
    {
        private const int BlockLength = 512; // of stx_blocks, whatever the file system's own is

        public required FileStatus Status { get; init; }

        public required uint Links { get; init; }

        public required ulong Blocks { get; init; }

        public required FileTime ChangeTime { get; init; }

        public FileIdentity Identity => new(Status.Device, Status.Inode);

        /// <summary>Whether less is allocated than the length: there are holes, or the file system compresses.</summary>
        public bool MayHaveHoles => Status.Size > 0 && Blocks < (ulong)((Status.Size + BlockLength - 1) / BlockLength);

        /// <summary>Whether nothing was written to the file, and none of its attributes set, in between. Reading does not count.</summary>
        public bool IsUnchanged(in FileDetails later) =>
            Identity == later.Identity && Status.Size == later.Status.Size
            && Status.ModifyTime == later.Status.ModifyTime && ChangeTime == later.ChangeTime;
    }
}
