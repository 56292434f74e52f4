using System.Globalization;

namespace Containerd.Snapshots;

/// <summary>
/// The process that a test starts beside itself: <c>die DRIVER ROOT SETUP STEP VERB NUMBER</c>, <c>work DRIVER ROOT SETUP SEED</c>, <c>race ROOT SETUP SEED COUNT</c>,
/// <c>borrow ROOT SETUP SEED COUNT</c>, <c>lend ROOT SEED</c>, <c>layer …</c>, or <c>mount …</c>.
/// </summary>
public static class Program
{
    public static async Task<int> Main(string[] args)
    {
        ArgumentNullException.ThrowIfNull(args);
        switch (args)
        {
            case ["die", string driver, string root, string setup, string step, string verb, string number]:
                await StoreCrashChild.DieAtAsync(driver, root, Enum.Parse<StoreSetup>(setup), Enum.Parse<StoreStep>(step), verb, number);
                return 1; // it should not have come here
            case ["work", string driver, string root, string setup, string seed]:
                await StoreCrashChild.WorkAsync(driver, root, Enum.Parse<StoreSetup>(setup), int.Parse(seed, CultureInfo.InvariantCulture));
                return 1;
            case ["race", string root, string setup, string seed, string count]:
                await StoreRace.RunAsync(root, Enum.Parse<StoreSetup>(setup), int.Parse(seed, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["borrow", string root, string setup, string seed, string count]:
                await LendingRace.BorrowAsync(root, Enum.Parse<StoreSetup>(setup), int.Parse(seed, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["lend", string root, string seed]:
                await LendingRace.LendAsync(root, int.Parse(seed, CultureInfo.InvariantCulture));
                return 1;
            case ["layer", .. string[] rest]:
                return await Tests.LayerChild.RunAsync(rest);
            case ["mount", .. string[] rest]:
                return MountChild.Run(rest);
            default:
                await Console.Error.WriteLineAsync("This assembly is run by its tests.");
                return 2;
        }
    }
}
