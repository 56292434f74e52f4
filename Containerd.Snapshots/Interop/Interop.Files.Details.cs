using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace Containerd.Snapshots;

internal static partial class Interop
{
    internal static unsafe partial class Files
    {
        /// <summary>The details of the file that a handle is.</summary>
        public static FileResult Details(SafeFileHandle file, out FileDetails details)
        {
            byte empty = 0;
            statx raw;
            details = default;
            using Lease lease = new(file);
            if (statx(lease.Fd, &empty, AT_EMPTY_PATH, STATX_BASIC_STATS, &raw) < 0)
                return FileResult.OfLastCall;
            details = new FileDetails
            {
                Status = StatusOf(raw),
                Links = raw.stx_nlink,
                Blocks = raw.stx_blocks,
                ChangeTime = new FileTime(raw.stx_ctime.tv_sec, (int)raw.stx_ctime.tv_nsec),
            };
            return FileResult.Success;
        }

        /// <summary>The target of the symbolic link that a path handle is; one as long as the buffer counts as too long.</summary>
        public static FileResult ReadLink(SafeFileHandle link, Span<byte> target, out int length) => ReadLink(link, default, target, out length);

        /// <summary>Sets the times of a file known by a path handle, be it a symbolic link: through the handle's own link in /proc, which nobody can swap.</summary>
        public static FileResult SetTimesOfPath(SafeFileHandle path, FileTime access, FileTime modify)
        {
            timespec* times = stackalloc timespec[2];
            Fill(times, access, modify);
            byte* link = stackalloc byte[LinkLength];
            using Lease lease = new(path);
            WriteLink(lease.Fd, link);
            return Of(utimensat(AT_FDCWD, link, times, 0));
        }
    }
}
