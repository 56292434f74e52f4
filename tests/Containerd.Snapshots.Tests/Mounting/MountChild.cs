using System.Runtime.Versioning;

namespace Containerd.Snapshots;

/// <summary>What another process does with a mounter: <c>hold DIRECTORY SOURCE</c> until it is killed, or <c>restrict SOURCE TARGET API</c>.</summary>
[UnsupportedOSPlatform("windows")]
internal static class MountChild
{
    public static int Run(string[] args)
    {
        switch (args)
        {
            case ["hold", string directory, string source]:
                var mounter = new LinuxMounter(new() { TemporaryDirectory = directory }) { Limits = new() { AttachesTrees = true } };
                var tmpfs = new Mount { Type = "tmpfs", Source = "tmpfs" };
                using (mounter.MountDetached([Mount.Bind(source), tmpfs with { Target = "inner" }]))
                {
                    Console.WriteLine("held");
                    Console.ReadLine();
                }
                return 0;
            case ["restrict", string bound, string target, string api]:
                new LinuxMounter(new() { Api = Enum.Parse<MountApi>(api) }).Mount([new Mount { Type = "bind", Source = bound, Options = ["bind", "ro"] }], target);
                Console.WriteLine(File.ReadLines("/proc/self/mountinfo").Last(line => line.Split(' ')[4] == target).Split(' ')[5]);
                return 0;
            default:
                return 2;
        }
    }
}
