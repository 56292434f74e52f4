namespace Containerd.Snapshots;

internal static partial class Interop
{
    /// <summary>What statx tells about a file.</summary>
    internal readonly struct FileStatus
    {
        private const int TypeMask = 0xF000, Fifo = 0x1000, Character = 0x2000, Directory = 0x4000, Regular = 0x8000, SymbolicLink = 0xA000;

        public required int RawMode { get; init; }

        public required uint Uid { get; init; }

        public required uint Gid { get; init; }

        public required ulong Inode { get; init; }

        public required ulong Device { get; init; }

        public required uint DeviceMajor { get; init; }

        public required uint DeviceMinor { get; init; }

        public required long Size { get; init; }

        public required FileTime AccessTime { get; init; }

        public required FileTime ModifyTime { get; init; }

        public int Type => RawMode & TypeMask;

        public int Permissions => RawMode & 0xFFF;

        public bool IsDirectory => Type == Directory;

        public bool IsRegular => Type == Regular;

        public bool IsSymbolicLink => Type == SymbolicLink;

        public bool IsFifo => Type == Fifo;

        /// <summary>Whether this is overlay's whiteout: a character device 0:0.</summary>
        public bool IsWhiteout => Type == Character && DeviceMajor == 0 && DeviceMinor == 0;
    }

    /// <summary>A time as the kernel keeps it: seconds since 1970 and nanoseconds within the second.</summary>
    internal readonly record struct FileTime(long Seconds, int Nanoseconds) : IComparable<FileTime>
    {
        public int CompareTo(FileTime other)
        {
            int bySeconds = Seconds.CompareTo(other.Seconds);
            return bySeconds != 0 ? bySeconds : Nanoseconds.CompareTo(other.Nanoseconds);
        }
    }
}
